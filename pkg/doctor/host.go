package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/docker/go-units"
	"golang.org/x/sys/unix"
)

// probeTime bounds each question that goes over a network.
const probeTime = 3 * time.Second

// least is what has to be free where images are kept: below it, a pull or a build
// is likely to fail.
const (
	leastBytes  = 1 << 30
	leastInodes = 10000
)

// Disk looks at the space where a folder is. One that does not exist yet is looked
// at where it would be made.
func Disk(dir string) Finding {
	at := dir
	var st unix.Statfs_t
	for {
		err := unix.Statfs(at, &st)
		if err == nil {
			break
		}
		if !errors.Is(err, unix.ENOENT) || at == filepath.Dir(at) {
			return problem("disk", "", "%s: %v", at, err)
		}
		at = filepath.Dir(at)
	}
	free := st.Bavail * uint64(st.Bsize)
	text := fmt.Sprintf("%s has %s free", dir, units.BytesSize(float64(free)))
	switch {
	case st.Flags&unix.ST_RDONLY != 0:
		return problem("disk", "mount -o remount,rw "+at, "%s can only be read", dir)
	case free < leastBytes:
		return problem("disk", "nerd system prune -a, or a larger disk", "%s", text)
	case st.Files > 0 && st.Ffree < leastInodes:
		return problem("disk", "nerd system prune -a", "%s, but only %d files can be made", text, st.Ffree)
	}
	return ok("disk", "%s", text)
}

// Clock asks the kernel whether anything keeps the time. A wrong one makes TLS to
// registries fail, and orders events wrongly. built is when this program was made.
func Clock(now, built time.Time) Finding {
	if now.Before(built) {
		return problem("clock", "set it, for instance with chronyd -q", "it says %s, which is before this program was built: certificates of registries do not hold", now.Format(time.DateTime))
	}
	var tx unix.Timex
	state, err := unix.Adjtimex(&tx)
	if err == nil && state == unix.TIME_ERROR {
		return warning("clock", "run chrony, ntpd or systemd-timesyncd", "nothing keeps it: it says %s", now.Format(time.DateTime))
	}
	return ok("clock", "%s", now.Format(time.RFC3339))
}

// Names asks the host's resolvers, the ones that containers are given, for a name.
// That it does not exist is an answer.
func Names(ctx context.Context, name string, lookup func(context.Context, string) error) Finding {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	err := lookup(ctx, name)
	var dns *net.DNSError
	switch {
	case err == nil:
		return ok("dns", "%s is found", name)
	case errors.As(err, &dns) && dns.IsNotFound:
		return warning("dns", "look at /etc/resolv.conf", "the resolvers answer, but do not know %s: pulls from there fail", name)
	}
	return warning("dns", "look at /etc/resolv.conf; containers take --dns", "no resolver answers: names outside are not found, neither here nor in containers (%v)", brief(err))
}

// Lookup finds a name as the host does.
func Lookup(ctx context.Context, name string) error {
	_, err := net.DefaultResolver.LookupHost(ctx, name)
	return err
}

// Registry asks a registry whether it is there. An answer that asks for a login is
// one. url is its API's root, such as https://registry-1.docker.io/v2/.
func Registry(ctx context.Context, host, url string, client *http.Client) Finding {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return problem("registry", "", "%s: %v", host, err)
	}
	answer, err := client.Do(req)
	if err != nil {
		return warning("registry", "nerd registry explain "+host+"/IMAGE shows the way that is taken; a mirror is set in hosts.toml",
			"%s cannot be reached: %v", host, brief(err))
	}
	_ = answer.Body.Close()
	if answer.StatusCode >= http.StatusInternalServerError {
		return warning("registry", "", "%s answers %s", host, answer.Status)
	}
	return ok("registry", "%s answers", host)
}

// brief is the last part of an error's chain of words: the cause.
func brief(err error) string {
	if errors.Is(err, context.DeadlineExceeded) || os.IsTimeout(err) {
		return "no answer in " + probeTime.String()
	}
	text := err.Error()
	if i := strings.LastIndex(text, ": "); i >= 0 {
		text = text[i+2:]
	}
	return text
}
