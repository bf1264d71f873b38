package registry

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/containerd/containerd/v2/core/remotes/docker"
)

const (
	// maxWait is the longest that a registry may have one request wait. One that
	// wants more is taken at its word, and the command fails instead of hanging.
	maxWait = time.Minute
	// maxPatience is how long all requests of an operation wait together.
	maxPatience = 3 * time.Minute
	// firstWait is how long is waited where the registry gives no time; it doubles.
	firstWait = time.Second
	// maxBusy is how often one request is sent again.
	maxBusy = 6
	// maxDrained is how much of a refusal is read to keep its connection.
	maxDrained = 64 << 10
)

// patient sends a request again when a registry, or its token server, says that
// it is busy: 429, or 503 with Retry-After (RFC 9110, 10.2.3). Mirrors are not
// waited for: the next host is asked instead.
type patient struct {
	http.RoundTripper
	mirrors []string // host[:port]
	sleep   func(context.Context, time.Duration) error
	now     func() time.Time

	mu   sync.Mutex
	left time.Duration // of maxPatience
}

// bePatient makes the clients of a registry's hosts wait for all but the mirrors.
func bePatient(hosts []docker.RegistryHost) {
	var mirrors []string
	for _, h := range hosts[:max(len(hosts)-1, 0)] {
		mirrors = append(mirrors, h.Host)
	}
	for _, h := range hosts { // several may share a client
		if _, done := h.Client.Transport.(*patient); !done {
			h.Client.Transport = &patient{RoundTripper: h.Client.Transport, mirrors: mirrors, sleep: sleep, now: time.Now, left: maxPatience}
		}
	}
}

// RoundTrip sends a request as often as it takes.
func (p *patient) RoundTrip(req *http.Request) (*http.Response, error) {
	for try := 0; ; try++ {
		resp, err := p.RoundTripper.RoundTrip(req)
		if err != nil || slices.Contains(p.mirrors, req.URL.Host) || try == maxBusy {
			return resp, err
		}
		if req.Body != nil && req.Body != http.NoBody && req.GetBody == nil {
			return resp, nil // it cannot be sent twice
		}
		wait, ok := p.wait(resp, try)
		if !ok {
			return resp, nil
		}
		drop(resp)
		if err := p.sleep(req.Context(), wait); err != nil {
			return nil, err
		}
		again := req.Clone(req.Context())
		if req.GetBody != nil {
			if again.Body, err = req.GetBody(); err != nil {
				return nil, err
			}
		}
		req = again
	}
}

// wait is how long to wait before the request is sent again, if at all.
func (p *patient) wait(resp *http.Response, try int) (time.Duration, bool) {
	after, given := retryAfter(resp.Header.Get("Retry-After"), p.now())
	switch {
	case resp.StatusCode == http.StatusTooManyRequests && !given:
		after = firstWait << try
	case resp.StatusCode != http.StatusTooManyRequests && (resp.StatusCode != http.StatusServiceUnavailable || !given):
		return 0, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if after > maxWait || after > p.left {
		return 0, false
	}
	p.left -= after
	return after, true
}

// retryAfter reads the header's seconds or date. A time in the past is now.
func retryAfter(value string, now time.Time) (time.Duration, bool) {
	value = strings.TrimSpace(value)
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second, true
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	return max(at.Sub(now), 0), true
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Transient tells a connection that broke while in use, which may well work the
// next time, from a host that is not there and from an answer.
func Transient(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	var patient gaveUp
	if errors.As(err, &patient) {
		return false
	}
	for _, cut := range []error{syscall.ECONNRESET, syscall.EPIPE, io.ErrUnexpectedEOF, io.EOF} {
		if errors.Is(err, cut) {
			return true
		}
	}
	var op *net.OpError
	return errors.As(err, &op) && op.Op != "dial" || strings.Contains(err.Error(), "http2: ") ||
		strings.Contains(err.Error(), "server closed idle connection")
}

// maxCuts is how often Persist takes a break of the connection.
const maxCuts = 4

// Persist repeats f while its connection breaks, a few times, waiting longer
// each time. What f does must go on where it stopped, or start anew.
func Persist(ctx context.Context, f func() error) error {
	for try := 0; ; try++ {
		err := f()
		if !Transient(err) || try == maxCuts || ctx.Err() != nil {
			return err
		}
		if sleep(ctx, firstWait/4<<try) != nil {
			return err
		}
	}
}
