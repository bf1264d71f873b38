package factory

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/containerd/log"

	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
	"github.com/nerd-cli/nerd/pkg/config"
)

func TestLazy(t *testing.T) {
	ios, _, _, _ := iostreams.Test()
	asked := 0
	f := New(ios, func(string) (string, bool) { return "", false }, func() config.Flags { asked++; return config.Flags{} })
	if asked != 0 {
		t.Fatal("the flags were read too early")
	}
	first, err := f.Config()
	if err != nil {
		t.Fatal(err)
	}
	second, _ := f.Config()
	if first != second || asked != 1 {
		t.Fatalf("read %d times", asked)
	}
	f.Close() // with nothing open
}

func TestBadConfiguration(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nerd.toml")
	if err := os.WriteFile(path, []byte("x = 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ios, _, _, _ := iostreams.Test()
	f := New(ios, func(name string) (string, bool) { return path, name == "NERD_TOML" }, func() config.Flags { return config.Flags{} })
	if _, err := f.Client(t.Context()); err == nil || !strings.Contains(err.Error(), `no setting "x"`) {
		t.Fatalf("got %v", err)
	}
}

func TestLogLevel(t *testing.T) {
	before := log.GetLevel()
	defer func() { _ = log.SetLevel(before.String()) }()
	for _, tc := range []struct {
		cfg  config.Config
		want string
	}{
		{config.Config{}, "error"},
		{config.Config{LogLevel: "warn"}, "warning"},
		{config.Config{LogLevel: "warn", Debug: true}, "debug"},
	} {
		if err := setLogLevel(&tc.cfg); err != nil || log.GetLevel().String() != tc.want {
			t.Errorf("%+v: got %s, %v", tc.cfg, log.GetLevel(), err)
		}
	}
	if err := setLogLevel(&config.Config{LogLevel: "x"}); err == nil {
		t.Error("level x was accepted")
	}
}

// The monitor's way back does not depend on the caller's environment.
func TestHelper(t *testing.T) {
	got, err := Helper(&config.Config{Address: "/a.sock", Namespace: "n", DataRoot: "/d", RunRoot: "/r", Snapshotter: "s"}, "")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"--context", "default", "--namespace", "n", "--data-root", "/d", "--run-root", "/r", "--address", "/a.sock", "--snapshotter", "s"}
	if !filepath.IsAbs(got[0]) || !slices.Equal(got[1:], want) {
		t.Fatalf("got %v", got)
	}
}

func TestSignalCancels(t *testing.T) {
	var s Signals
	ctx, stop := s.Watch(t.Context())
	defer stop()
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ctx.Done():
	case <-time.After(5 * time.Second):
		t.Fatal("not cancelled")
	}
	if sig, ok := s.Received(); !ok || sig != syscall.SIGTERM {
		t.Fatalf("got %v", sig)
	}
}

func TestSignalsForwarded(t *testing.T) {
	var s Signals
	ctx, stop := s.Watch(t.Context())
	defer stop()
	got := make(chan syscall.Signal, 4)
	restore := s.Forward(func(sig syscall.Signal) { got <- sig })
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGUSR2} {
		if err := syscall.Kill(os.Getpid(), sig); err != nil {
			t.Fatal(err)
		}
		select {
		case g := <-got:
			if g != sig {
				t.Fatalf("got %v, want %v", g, sig)
			}
		case <-time.After(5 * time.Second):
			t.Fatal("not forwarded")
		}
	}
	restore()
	restore()
	if _, ok := s.Received(); ok || ctx.Err() != nil {
		t.Fatal("a signal of the container's cancelled the command")
	}
}
