//go:build root

package netutil

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/nerd-cli/nerd/pkg/state"
)

// The tests of this file wire real namespaces with real plugins. They run as root
// in a network and mount namespace of their own, so they cannot disturb the host
// nor each other's packages, and whatever they leave behind ends with them.

const inside = "NERD_NETUTIL_TEST_INSIDE"

func TestMain(m *testing.M) {
	if root := os.Getenv(victim); root != "" {
		os.Exit(beVictim(root))
	}
	if os.Getenv(inside) == "" {
		os.Exit(reexec())
	}
	if err := settle(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// reexec runs the test binary again in namespaces of its own.
func reexec() int {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS}
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return exit.ExitCode()
	case err != nil:
		fmt.Fprintln(os.Stderr, "these tests need root:", err)
		return 1
	}
	return 0
}

func settle() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	return loopbackUp()
}

// pluginDirs is where the engine has its plugins; $NERD_TEST_CNI is another place.
func pluginDirs(tb testing.TB) []string {
	tb.Helper()
	dir := filepath.Join(state.DefaultDataRoot, "engine", "cni")
	if d := os.Getenv("NERD_TEST_CNI"); d != "" {
		dir = d
	}
	if _, err := os.Stat(filepath.Join(dir, "bridge")); err != nil {
		tb.Fatalf("no CNI plugins, run `make engine` first: %v", err)
	}
	return []string{dir}
}

// realService is a service of its own roots, whose networks are taken down with
// the test.
func realService(tb testing.TB) *Service {
	tb.Helper()
	l, err := state.NewLayout(filepath.Join(tb.TempDir(), "data"), filepath.Join(tb.TempDir(), "run"), "")
	if err != nil {
		tb.Fatal(err)
	}
	s := New(Config{Layout: l, PluginDirs: pluginDirs(tb)})
	tb.Cleanup(func() {
		ids, err := s.recordIDs()
		if err != nil {
			tb.Error(err)
		}
		for _, id := range ids {
			if err := s.Detach(context.WithoutCancel(tb.Context()), id); err != nil {
				tb.Error(err)
			}
		}
		if out, err := exec.Command("ip", "link", "del", s.defaultBridge()).CombinedOutput(); err != nil && !strings.Contains(string(out), "Cannot find") {
			tb.Errorf("%v: %s", err, out)
		}
	})
	return s
}

func cid(i int) string { return hash("test container", fmt.Sprint(i)) }

func attachReal(tb testing.TB, s *Service, id string, ports ...PublishedPort) (netip.Addr, *Reservation) {
	tb.Helper()
	ctx := tb.Context()
	res, err := s.ReservePorts(ctx, "name-of-"+id[:6], id, ports)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = res.Close() })
	if _, err := s.NewSandbox(ctx, id); err != nil {
		tb.Fatal(err)
	}
	a, err := s.Attach(ctx, AttachRequest{ContainerID: id, Name: "name-of-" + id[:6], Endpoints: []Endpoint{{Network: "bridge"}}, Ports: res.Ports})
	if err != nil {
		tb.Fatal(err)
	}
	es := a.Networks["bridge"]
	if es == nil || !es.IPAddress.Is4() || es.IPPrefixLen != 16 || !es.Gateway.IsValid() || len(es.MacAddress) != 6 || len(es.NetworkID) != 64 || len(es.EndpointID) != 64 {
		tb.Fatalf("settings %+v", es)
	}
	return es.IPAddress, res
}

// inNetns runs f in the pinned namespace of a container.
func inNetns(tb testing.TB, path string, f func() error) {
	tb.Helper()
	done := make(chan error, 1)
	go inThrowawayThread(func() {
		fd, err := os.Open(path)
		if err == nil {
			err = unix.Setns(int(fd.Fd()), unix.CLONE_NEWNET)
		}
		if err == nil {
			err = f()
		}
		done <- errors.Join(err, fd.Close())
	})
	if err := <-done; err != nil {
		tb.Fatal(err)
	}
}

// serve answers every connection in the namespace with the word.
func serve(tb testing.TB, path, addr, word string) {
	tb.Helper()
	var l net.Listener
	inNetns(tb, path, func() (err error) {
		l, err = net.Listen("tcp", addr)
		return err
	})
	tb.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte(word))
			_ = c.Close()
		}
	}()
}

func fetch(addr string) (string, error) {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return "", err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(2 * time.Second))
	buf := make([]byte, 64)
	n, err := c.Read(buf)
	return string(buf[:n]), err
}

func TestRealAttachDetach(t *testing.T) {
	s := realService(t)
	ctx := t.Context()
	ip, _ := attachReal(t, s, cid(1))
	path := s.cfg.Layout.Netns(cid(1))
	serve(t, path, ":80", "one")
	if got, err := fetch(ip.String() + ":80"); got != "one" {
		t.Fatalf("from the host: %q, %v", got, err)
	}
	ip2, _ := attachReal(t, s, cid(2))
	if ip == ip2 {
		t.Fatalf("two containers have %s", ip)
	}
	inNetns(t, s.cfg.Layout.Netns(cid(2)), func() error {
		got, err := fetch(ip.String() + ":80")
		if got != "one" {
			return fmt.Errorf("from the other container: %q, %w", got, err)
		}
		_, err = fetch("127.0.0.1:1")
		if !errors.Is(err, unix.ECONNREFUSED) {
			return fmt.Errorf("loopback is not up: %w", err)
		}
		return nil
	})
	for range 2 {
		for _, i := range []int{1, 2} {
			if err := s.Detach(ctx, cid(i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	assertClean(t, s)
}

// assertClean fails if anything of any container is left.
func assertClean(t *testing.T, s *Service) {
	t.Helper()
	networks, err := s.leaseNetworks()
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range networks {
		if l, err := s.leases(n); err != nil || len(l) > 0 {
			t.Errorf("leases left on %s: %v, %v", n, l, err)
		}
	}
	if ids, err := s.recordIDs(); err != nil || len(ids) > 0 {
		t.Errorf("records left: %v, %v", ids, err)
	}
	if e, err := os.ReadDir(filepath.Dir(s.cfg.Layout.Netns("x"))); err == nil && len(e) > 0 {
		t.Errorf("namespaces left: %v", e)
	}
	links, err := netlink.LinkList()
	must(t, err)
	for _, l := range links {
		if pluginMade(l.Attrs().Name) {
			t.Errorf("interface left: %s", l.Attrs().Name)
		}
	}
	out, err := exec.Command("iptables-save").Output()
	if err != nil || strings.Contains(string(out), "id: ") {
		t.Errorf("rules of containers left: %s, %v", out, err)
	}
}

func TestRealParallel(t *testing.T) {
	s := realService(t)
	const n = 32
	addrs := make([]netip.Addr, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			other := New(s.cfg) // no shared memory, as between processes
			ctx := t.Context()
			if _, err := other.NewSandbox(ctx, cid(i)); err != nil {
				t.Error(err)
				return
			}
			a, err := other.Attach(ctx, AttachRequest{ContainerID: cid(i), Endpoints: []Endpoint{{Network: "bridge"}}})
			if err != nil {
				t.Error(err)
				return
			}
			addrs[i] = a.Networks["bridge"].IPAddress
		})
	}
	wg.Wait()
	seen := map[netip.Addr]bool{}
	for _, a := range addrs {
		if !a.IsValid() || seen[a] {
			t.Errorf("address %s is missing or given twice", a)
		}
		seen[a] = true
	}
	for i := range n {
		wg.Go(func() {
			if err := s.Detach(t.Context(), cid(i)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	assertClean(t, s)
}

func TestRealNamespaceIsNotTheProcess(t *testing.T) {
	s := realService(t)
	before, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		path, err := s.NewSandbox(t.Context(), cid(i))
		if err != nil {
			t.Fatal(err)
		}
		if !s.host.pinned(path) || s.host.occupied(path) {
			t.Fatalf("pinned %v, occupied %v", s.host.pinned(path), s.host.occupied(path))
		}
		again, err := s.NewSandbox(t.Context(), cid(i))
		if err != nil || again != path {
			t.Fatalf("again: %s, %v", again, err)
		}
	}
	runtime.Gosched()
	after, err := os.Readlink("/proc/self/ns/net")
	if err != nil || before != after {
		t.Fatalf("the process moved from %s to %s, %v", before, after, err)
	}
}

func BenchmarkAttach(b *testing.B) {
	for _, mode := range []string{"plain", "ports"} {
		b.Run(mode, func(b *testing.B) {
			s := realService(b)
			attachReal(b, s, cid(0)) // the network and its rules
			var sandbox, attach, detach []time.Duration
			for i := 1; b.Loop(); i++ {
				var ports []PublishedPort
				if mode == "ports" {
					ports = []PublishedPort{{HostPort: uint16(20000 + i), ContainerPort: 80, Protocol: "tcp"}}
				}
				t0 := time.Now()
				if _, err := s.NewSandbox(b.Context(), cid(i)); err != nil {
					b.Fatal(err)
				}
				t1 := time.Now()
				if _, err := s.Attach(b.Context(), AttachRequest{ContainerID: cid(i), Endpoints: []Endpoint{{Network: "bridge"}}, Ports: ports}); err != nil {
					b.Fatal(err)
				}
				t2 := time.Now()
				if err := s.Detach(b.Context(), cid(i)); err != nil {
					b.Fatal(err)
				}
				sandbox, attach, detach = append(sandbox, t1.Sub(t0)), append(attach, t2.Sub(t1)), append(detach, time.Since(t2))
			}
			b.ReportMetric(median(sandbox), "ms/sandbox")
			b.ReportMetric(median(attach), "ms/attach")
			b.ReportMetric(median(detach), "ms/detach")
		})
	}
}

func median(d []time.Duration) float64 {
	slices.Sort(d)
	return float64(d[len(d)/2].Microseconds()) / 1000
}
