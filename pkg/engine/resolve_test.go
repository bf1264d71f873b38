package engine

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// listen accepts connections on a new socket, as a containerd would.
func listen(t *testing.T, path string) string {
	t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return path
}

func TestResolveOrder(t *testing.T) {
	l := install(t)
	dir := t.TempDir()
	explicit := listen(t, filepath.Join(dir, "explicit"))
	system := listen(t, filepath.Join(dir, "system"))
	dead := filepath.Join(dir, "dead")
	if err := os.WriteFile(dead, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, explicit, system, want string
		managed                      bool
		starts                       int
	}{
		{"explicit first", explicit, system, explicit, false, 0},
		{"then the system's", "", system, system, false, 0},
		{"a dead socket of the system's", "", dead, Socket(l), true, 1},
		{"the engine that runs", "", filepath.Join(dir, "none"), Socket(l), true, 1},
		{"the system's before the engine", "", system, system, false, 1},
		{"the engine by its address", Socket(l), system, Socket(l), true, 1},
	}
	for _, tt := range tests {
		got, managed, err := resolve(t.Context(), tt.explicit, tt.system, Options{Layout: l})
		if err != nil || got != tt.want || managed != tt.managed {
			t.Errorf("%s: %q %v %v, want %q %v", tt.name, got, managed, err, tt.want, tt.managed)
		}
		if n := starts(t, l, "containerd"); n != tt.starts {
			t.Errorf("%s: the engine was started %d times, want %d", tt.name, n, tt.starts)
		}
	}
}

func TestResolveErrors(t *testing.T) {
	l := install(t)
	none := filepath.Join(t.TempDir(), "none")
	_, _, err := resolve(t.Context(), none, none, Options{Layout: l})
	if want := "no containerd answers on " + none + ": no such file or directory: start it, or "; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("error %q, want %q...", err, want)
	}
	if n := starts(t, l, "containerd"); n != 0 {
		t.Error("an explicit address started the engine")
	}
	if err := os.RemoveAll(BinDir(l)); err != nil {
		t.Fatal(err)
	}
	_, _, err = resolve(t.Context(), "", none, Options{Layout: l})
	if err == nil || !strings.HasPrefix(err.Error(), "no containerd is running") || !strings.Contains(err.Error(), "make engine") || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v", err)
	}
}

func TestResolveScheme(t *testing.T) {
	l := install(t)
	socket := listen(t, filepath.Join(t.TempDir(), "s"))
	got, _, err := Resolve(t.Context(), "unix://"+socket, l)
	if err != nil || got != socket {
		t.Errorf("%q %v, want %q", got, err, socket)
	}
}
