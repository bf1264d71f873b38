package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/core/remotes/docker"
)

// patientClient never sleeps, and notes for how long it would have.
func patientClient(slept *[]time.Duration, mirrors ...string) *http.Client {
	return &http.Client{Transport: &patient{
		RoundTripper: http.DefaultTransport, mirrors: mirrors, now: func() time.Time { return time.Unix(1e9, 0) }, left: maxPatience,
		sleep: func(_ context.Context, d time.Duration) error { *slept = append(*slept, d); return nil },
	}}
}

// busy refuses the first n requests and echoes the others.
func busy(t *testing.T, n int64, status int, after string) *httptest.Server {
	t.Helper()
	var count atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if count.Add(1) <= n {
			if after != "" {
				w.Header().Set("Retry-After", after)
			}
			w.WriteHeader(status)
			return
		}
		if _, err := io.Copy(w, r.Body); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	return server
}

func TestPatience(t *testing.T) {
	const second = time.Second
	for _, c := range []struct {
		name   string
		n      int64
		status int
		after  string
		want   int
		slept  []time.Duration
	}{
		{"seconds", 2, 429, "7", 200, []time.Duration{7 * second, 7 * second}},
		{"unavailable", 1, 503, "3", 200, []time.Duration{3 * second}},
		{"unavailable without a time", 1, 503, "", 503, nil},
		{"too many without a time", 3, 429, "", 200, []time.Duration{second, 2 * second, 4 * second}},
		{"date", 1, 429, time.Unix(1e9+20, 0).UTC().Format(http.TimeFormat), 200, []time.Duration{20 * second}},
		{"date gone by", 1, 429, time.Unix(1e9-20, 0).UTC().Format(http.TimeFormat), 200, []time.Duration{0}},
		{"nonsense", 1, 429, "soon", 200, []time.Duration{second}},
		{"negative", 1, 429, "-5", 200, []time.Duration{second}},
		{"too long", 1, 429, "3600", 429, nil},
		{"far too long", 1, 429, "99999999999999999999", 200, []time.Duration{second}},
		{"together too long", 9, 429, "50", 429, []time.Duration{50 * second, 50 * second, 50 * second}},
		{"always", 99, 429, "1", 429, slices.Repeat([]time.Duration{second}, maxBusy)},
		{"another error", 1, 500, "1", 500, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var slept []time.Duration
			resp, err := patientClient(&slept).Post(busy(t, c.n, c.status, c.after).URL, "text/plain", strings.NewReader("body"))
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			if err := errors.Join(err, resp.Body.Close()); err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != c.want || !slices.Equal(slept, c.slept) {
				t.Errorf("got %d after %v, want %d after %v", resp.StatusCode, slept, c.want, c.slept)
			}
			if c.want == http.StatusOK && string(body) != "body" {
				t.Errorf("the body came as %q", body)
			}
		})
	}
}

func TestPatienceLimits(t *testing.T) {
	var slept []time.Duration
	server := busy(t, 1, 429, "1")
	resp, err := patientClient(&slept, host(server)).Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil || resp.StatusCode != 429 || len(slept) > 0 {
		t.Errorf("a mirror was waited for: %d %v %v", resp.StatusCode, slept, err)
	}
	server = busy(t, 1, 429, "1")
	resp, err = patientClient(&slept).Post(server.URL, "", io.MultiReader(bytes.NewReader([]byte("once"))))
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil || resp.StatusCode != 429 || len(slept) > 0 {
		t.Errorf("a body that cannot be read twice was sent again: %d %v %v", resp.StatusCode, slept, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := sleep(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled wait: %v", err)
	}
	hosts := []docker.RegistryHost{{Host: "mirror", Client: &http.Client{}}, {Host: "origin", Client: &http.Client{}}}
	hosts[0].Client = hosts[1].Client
	bePatient(hosts)
	bePatient(hosts)
	outer, ok := hosts[1].Client.Transport.(*patient)
	if !ok || !slices.Equal(outer.mirrors, []string{"mirror"}) {
		t.Fatalf("got %#v", hosts[1].Client.Transport)
	}
	if _, twice := outer.RoundTripper.(*patient); twice {
		t.Error("a shared client waits twice")
	}
}

func TestTransient(t *testing.T) {
	reset := &net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	refused := &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	for err, want := range map[error]bool{
		reset: true, fmt.Errorf("sending: %w", reset): true, io.ErrUnexpectedEOF: true, refused: false,
		context.Canceled: false, errors.New("digest mismatch"): false, nil: false,
		errors.New("http2: server sent GOAWAY"): true,
	} {
		if got := Transient(err); got != want {
			t.Errorf("%v: got %v", err, got)
		}
	}
	calls := 0
	if err := Persist(t.Context(), func() error {
		if calls++; calls < 3 {
			return reset
		}
		return nil
	}); err != nil || calls != 3 {
		t.Errorf("%d calls, %v", calls, err)
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"", "1", "-1", "99999999999999999999", "Fri, 31 Dec 1999 23:59:59 GMT", "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if d, ok := retryAfter(value, time.Unix(1e9, 0)); d < 0 || !ok && d != 0 {
			t.Errorf("%q: %v %v", value, d, ok)
		}
	})
}
