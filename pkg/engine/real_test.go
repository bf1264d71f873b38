package engine

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nerd-cli/nerd/pkg/state"
)

// The engine as it is built, with its state elsewhere: real containerd and real buildkitd take the
// configurations that are written for them, and come back after a restart.
func TestRealEngine(t *testing.T) {
	built, err := filepath.Abs("../../bin/engine")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(built, "stamp")); err != nil || os.Geteuid() != 0 {
		t.Skip("needs root and 'make engine'")
	}
	dir := t.TempDir()
	l := testLayout(t, filepath.Join(dir, "d"), filepath.Join(dir, "r"), "")
	linkPrograms(t, l, built)
	t.Cleanup(func() {
		if _, err := Down(context.WithoutCancel(t.Context()), l); err != nil {
			t.Error(err)
		}
	})
	for range 2 {
		status, err := Up(t.Context(), Options{Layout: l, Build: true})
		if err != nil {
			t.Fatal(err)
		}
		checkReal(t, status)
		done, err := Down(t.Context(), l)
		if err != nil || strings.Join(done.Daemons, " ") != "buildkitd containerd" || done.Containers != 0 {
			t.Errorf("down: %+v, %v", done, err)
		}
	}
}

func linkPrograms(t *testing.T, l state.Layout, built string) {
	t.Helper()
	if err := os.MkdirAll(l.Engine(), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"bin", "cni"} {
		if err := os.Symlink(filepath.Join(built, name), filepath.Join(l.Engine(), name)); err != nil {
			t.Fatal(err)
		}
	}
}

func checkReal(t *testing.T, status Status) {
	t.Helper()
	want := map[string]State{"containerd": StateRunning, "buildkitd": StateRunning, "runc": StateInstalled, "cni-plugins": StateInstalled}
	for _, c := range status.Components {
		if c.State != want[c.Name] || c.Version == "" || strings.HasPrefix(c.Version, "0.0.0") || strings.Contains(c.Version, "unknown") {
			t.Errorf("%+v, want it %s with a true version", c, want[c.Name])
		}
		delete(want, c.Name)
	}
	if len(want) > 0 {
		t.Errorf("the status lacks %v", want)
	}
}
