package engine

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"testing"

	version "github.com/containerd/containerd/api/services/version/v1"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/nerd-cli/nerd/pkg/state"
)

// TestMain runs as a daemon when it is called like one: the tests install the
// test binary itself under the daemons' names.
func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case "containerd", "buildkitd":
		// Not os.Exit, by which the race detector sleeps for a second.
		unix.Exit(fakeDaemon(os.Args))
	}
	os.Exit(m.Run())
}

type fakeVersion struct {
	version.UnimplementedVersionServer
}

func (fakeVersion) Version(context.Context, *emptypb.Empty) (*version.VersionResponse, error) {
	return &version.VersionResponse{Version: "v9.8.7", Revision: "fake"}, nil
}

// fakeDaemon notes that it was started, then does what the file "mode" beside
// its configuration asks for.
func fakeDaemon(args []string) int {
	if len(args) < 3 {
		fmt.Fprintln(os.Stdout, filepath.Base(args[0]), "fake", "v9.8.6")
		return 0
	}
	dir := filepath.Dir(args[2])
	if err := note(filepath.Join(dir, filepath.Base(args[0])+".starts")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	mode, _ := os.ReadFile(filepath.Join(dir, "mode"))
	switch string(mode) {
	case "die":
		fmt.Fprintln(os.Stderr, `time="2026-01-01T00:00:00Z" level=info msg="loading plugin"`)
		fmt.Fprintln(os.Stderr, `time="2026-01-01T00:00:00Z" level=fatal msg="failed to open the database" error="it is \"locked\""`)
		return 1
	case "deaf":
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, unix.SIGTERM)
		<-signals
		return 0
	}
	if err := serve(socketOf(args[2])); err != nil {
		fmt.Fprintln(os.Stderr, "containerd:", err)
		return 1
	}
	return 0
}

func note(path string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := f.WriteString("x"); err != nil {
		return err
	}
	return f.Close()
}

// socketOf finds the first socket in a configuration that this package wrote,
// which for containerd and for buildkitd alike is the daemon's own.
func socketOf(config string) string {
	data, err := os.ReadFile(config)
	if err != nil {
		return ""
	}
	for field := range strings.SplitSeq(string(data), `"`) {
		if strings.HasSuffix(field, ".sock") {
			return strings.TrimPrefix(field, "unix://")
		}
	}
	return ""
}

func serve(socket string) error {
	l, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	s := grpc.NewServer()
	version.RegisterVersionServer(s, fakeVersion{})
	healthpb.RegisterHealthServer(s, health.NewServer())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGTERM)
	go func() {
		<-signals
		s.Stop()
	}()
	return s.Serve(l)
}

// install makes an engine of fakes in a new pair of roots, which is stopped at
// the end of the test.
func install(t *testing.T) state.Layout {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("starting an engine needs root")
	}
	dir := t.TempDir()
	l, err := state.NewLayout(filepath.Join(dir, "d"), filepath.Join(dir, "r"), "")
	if err != nil {
		t.Fatal(err)
	}
	installIn(t, l)
	return l
}

func installIn(t *testing.T, l state.Layout) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(BinDir(l), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"containerd", "containerd-shim-runc-v2", "runc", "buildkitd"} {
		if err := os.Symlink(self, filepath.Join(BinDir(l), name)); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		// The test's own context has ended by now.
		if _, err := Down(context.WithoutCancel(t.Context()), l); err != nil {
			t.Error(err)
		}
	})
}

// setMode tells the fakes how to behave.
func setMode(t *testing.T, l state.Layout, mode string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(l.Engine(), "mode"), []byte(mode), 0o600); err != nil {
		t.Fatal(err)
	}
}

// starts counts how often the daemon was started.
func starts(t *testing.T, l state.Layout, name string) int {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(l.Engine(), name+".starts"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return len(data)
}
