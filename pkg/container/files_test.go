package container

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/nerd-cli/nerd/pkg/rootfs"
)

// The files of a container that does not run, on a snapshotter without overlays.
func TestFilesOfAStoppedContainer(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can mount a root file system")
	}
	w, ctx := newWorld(t)
	bound := t.TempDir()
	w.create(t, ctx, "box", func(hc *container.HostConfig) { hc.Binds = []string{bound + ":/bound", bound + ":/ro:ro"} })
	host := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(host, []byte("content"), 0o640); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/new", "/bound/in"} {
		if err := w.CopyTo(ctx, "box", CopyOptions{Path: path}, host); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
	if data, err := os.ReadFile(filepath.Join(bound, "in")); err != nil || string(data) != "content" {
		t.Errorf("in the bind: %q, %v", data, err)
	}
	if err := w.CopyTo(ctx, "box", CopyOptions{Path: "/ro/x"}, host); err == nil || !strings.Contains(err.Error(), "mounted volume is marked read-only") {
		t.Errorf("to a read-only bind: %v", err)
	}
	out := t.TempDir()
	if err := w.CopyFrom(ctx, "box", CopyOptions{Path: "/bound"}, out); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(filepath.Join(out, "bound/in")); err != nil || string(data) != "content" {
		t.Errorf("from the bind: %q, %v", data, err)
	}
	changes, err := w.Changes(ctx, "box")
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, c := range changes {
		list = append(list, c.Kind.String()+c.Path)
	}
	// The places of the binds are the user's; those of /etc/hosts are not.
	if got := strings.Join(list, " "); got != "A/bound A/new A/ro" {
		t.Errorf("changes: %s", got)
	}
	var tar bytes.Buffer
	if err := w.Export(ctx, "box", &tar); err != nil || !strings.Contains(tar.String(), "new") || strings.Contains(tar.String(), "bound/in") {
		t.Errorf("the export has %d bytes, %v", tar.Len(), err)
	}
	if _, err := w.Commit(ctx, "box", CommitOptions{Name: "x", Pause: true}); err != nil {
		t.Error(err)
	}
	for name, err := range map[string]error{
		"copy": w.CopyTar(ctx, "nosuch", CopyOptions{Path: "/"}, &tar), "export": w.Export(ctx, "nosuch", &tar), "unpack": w.Unpack(ctx, "nosuch", CopyOptions{}, &tar),
	} {
		if !errdefs.IsNotFound(err) {
			t.Errorf("%s of no container: %v", name, err)
		}
	}
}

// While files are copied nobody can start the container.
func TestCopyHoldsTheLock(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can mount a root file system")
	}
	w, ctx := newWorld(t)
	id := w.create(t, ctx, "box")
	c, err := w.get(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	_, release, err := w.tree(ctx, c, true)
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(ctx, 1)
	defer cancel()
	if _, err := w.lock(short, id); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the lock was free: %v", err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	l, err := w.lock(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Release()
}

func TestImageConfig(t *testing.T) {
	got := imageConfig(&container.Config{
		Hostname: "h", User: "u", Env: []string{"A=b"}, Cmd: []string{"c"}, Entrypoint: []string{"e"}, WorkingDir: "/w", StopSignal: "INT", Shell: []string{"sh"},
		Volumes: map[string]struct{}{"/v": {}}, ExposedPorts: network.PortSet{network.MustParsePort("80/tcp"): {}},
		Labels: map[string]string{"mine": "1", "nerd/name": "x", "containerd.io/gc.root": "x"},
	})
	data, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"User":"u","ExposedPorts":{"80/tcp":{}},"Env":["A=b"],"Entrypoint":["e"],"Cmd":["c"],"Volumes":{"/v":{}},"WorkingDir":"/w","Labels":{"mine":"1"},"StopSignal":"INT","Shell":["sh"]}`
	if string(data) != want {
		t.Errorf("got %s\nwant %s", data, want)
	}
}

func TestCopyOwner(t *testing.T) {
	spec, err := json.Marshal(specs.Spec{Process: &specs.Process{User: specs.User{UID: 7, GID: 8}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		user     string
		own      bool
		uid, gid int
	}{{"app", true, 7, 8}, {"app", false, 1, 2}, {"", true, 1, 2}} {
		owner, err := copyOwner(&Container{Record: Record{Config: &container.Config{User: c.user}}, oci: spec}, c.own)
		if err != nil {
			t.Fatal(err)
		}
		if uid, gid := owner(1, 2); uid != c.uid || gid != c.gid {
			t.Errorf("user %q, own %t: %d:%d", c.user, c.own, uid, gid)
		}
	}
}

func TestReadOnlyError(t *testing.T) {
	c := &Container{Record: Record{
		HostConfig: &container.HostConfig{ReadonlyRootfs: true},
		Mounts:     []container.MountPoint{{Destination: "/ro"}, {Destination: "/rw", RW: true}},
	}}
	for path, want := range map[string]string{"/ro/x": "mounted volume is marked read-only: /ro", "/rox": "container rootfs is marked read-only", "/rw/x": "container rootfs is marked read-only"} {
		if err := readOnlyError(c, path, unix.EROFS); err == nil || err.Error() != want {
			t.Errorf("%s: %v", path, err)
		}
	}
	if err := readOnlyError(c, "/ro", unix.EACCES); !errors.Is(err, unix.EACCES) {
		t.Errorf("another error became %v", err)
	}
}

// The kernel's file systems, and /dev, are copied without what is in them.
func TestHollow(t *testing.T) {
	tree, err := rootfs.Open("/", rootfs.Inside)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tree.Close() }()
	find := func(path string) *rootfs.Node {
		n, err := tree.Find(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = n.Close() })
		return n
	}
	root := find("/")
	for path, want := range map[string]bool{"/proc": true, "/sys": true, "/etc": false} {
		if got := hollow(path, root, find(path)); got != want {
			t.Errorf("%s: %t", path, got)
		}
	}
	if notKernels(find("/proc/version")) == nil || notKernels(find("/proc")) != nil || notKernels(find("/etc/passwd")) != nil {
		t.Error("the wrong files are refused")
	}
}

func TestPlainOverlay(t *testing.T) {
	overlay := func(opts ...string) []mount.Mount { return []mount.Mount{{Type: "overlay", Options: opts}} }
	for name, c := range map[string]struct {
		mounts []mount.Mount
		want   bool
	}{
		"ordinary":                        {overlay("lowerdir=/a:/b", "upperdir=/u", "workdir=/w"), true},
		"read-only":                       {overlay("lowerdir=/a:/b"), false},
		"to be made by the mount manager": {overlay("lowerdir={{ mount 0 }}", "upperdir=/u"), false},
		"no overlay":                      {[]mount.Mount{{Type: "bind", Source: "/a"}}, false},
		"more mounts":                     {append(overlay("lowerdir=/a", "upperdir=/u"), mount.Mount{Type: "erofs"}), false},
	} {
		if got := plainOverlay(c.mounts); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
