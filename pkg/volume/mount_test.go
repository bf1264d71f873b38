package volume

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/errdefs"
	"github.com/moby/sys/mountinfo"
)

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounting needs root")
	}
}

func (w *world) mounted(t *testing.T, name string) bool {
	t.Helper()
	yes, err := mountinfo.Mounted(w.Path(name))
	if err != nil {
		t.Fatal(err)
	}
	return yes
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A volume with options is mounted from the first container that uses it to the
// last, and notes of dead ones do not count.
func TestMountAndUnmount(t *testing.T) {
	needRoot(t)
	w := newWorld(t)
	w.make(t, CreateOptions{Name: "tmp", Options: map[string]string{"type": "tmpfs", "device": "tmpfs", "o": "size=1m"}})
	w.make(t, CreateOptions{Name: "plain"})
	must(t, w.Mount(t.Context(), "plain", "c1"))
	if w.mounted(t, "plain") {
		t.Error("a plain volume is mounted")
	}
	must(t, w.Unmount(t.Context(), "plain", "c1"))
	for _, id := range []string{"c1", "c2", "dead"} {
		must(t, w.Mount(t.Context(), "tmp", id))
		w.alive[id] = id != "dead"
	}
	must(t, w.Unmount(t.Context(), "tmp", "c1"))
	if !w.mounted(t, "tmp") {
		t.Error("unmounted under a container that runs")
	}
	if found, err := w.Repair(t.Context(), true); err != nil || len(found) > 0 {
		t.Errorf("repair of what is used: %v, %v", found, err)
	}
	must(t, w.Unmount(t.Context(), "tmp", "c2"))
	if w.mounted(t, "tmp") {
		t.Error("still mounted after the last")
	}
	must(t, w.Unmount(t.Context(), "tmp", "c2")) // again
}

func TestRepairUnmounts(t *testing.T) {
	needRoot(t)
	w := newWorld(t)
	w.make(t, CreateOptions{Name: "tmp", Options: map[string]string{"type": "tmpfs", "device": "tmpfs"}})
	must(t, w.Mount(t.Context(), "tmp", "killed"))
	for _, dry := range []bool{true, false} {
		if found, err := w.Repair(t.Context(), dry); err != nil || len(found) != 1 || found[0].Kind != "mount" || found[0].Err != nil {
			t.Errorf("dry %t: %+v, %v", dry, found, err)
		}
		if w.mounted(t, "tmp") != dry {
			t.Errorf("dry %t: mounted %t", dry, !dry)
		}
	}
}

// A stale mount is taken away with the volume; one that somebody made inside
// keeps it, as removing the folders would reach into what is mounted.
func TestRemoveMounted(t *testing.T) {
	needRoot(t)
	w := newWorld(t)
	host := t.TempDir()
	must(t, os.WriteFile(filepath.Join(host, "kept"), nil, 0o600))
	w.make(t, CreateOptions{Name: "stale", Options: map[string]string{"type": "none", "o": "bind", "device": host}})
	must(t, w.Mount(t.Context(), "stale", "killed"))
	must(t, w.Remove(t.Context(), "stale", false))
	if _, err := os.Stat(filepath.Join(host, "kept")); err != nil {
		t.Error("removing the volume removed what was mounted")
	}
	w.make(t, CreateOptions{Name: "inner"})
	inside := filepath.Join(w.Path("inner"), "dir")
	must(t, os.Mkdir(inside, 0o700))
	bind := mount.Mount{Type: "none", Source: host, Options: []string{"bind"}}
	must(t, bind.Mount(inside))
	t.Cleanup(func() { _ = mount.UnmountAll(inside, 0) })
	if err := w.Remove(t.Context(), "inner", false); !errdefs.IsFailedPrecondition(err) || !strings.Contains(err.Error(), inside) {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(filepath.Join(host, "kept")); err != nil {
		t.Error("what was mounted inside is gone")
	}
}

func TestMountFailure(t *testing.T) {
	needRoot(t)
	w := newWorld(t)
	for name, c := range map[string]struct {
		opts map[string]string
		want string
	}{
		"missing": {map[string]string{"type": "none", "o": "bind", "device": "/nonexistent"}, "mount /nonexistent:"},
		"nodev":   {map[string]string{"type": "nosuchfs", "o": "password=secret,ro", "device": "/x"}, `the kernel has no file system "nosuchfs"`},
		"empty":   {map[string]string{"type": "tmpfs", "device": ""}, "missing device in volume options"},
	} {
		w.make(t, CreateOptions{Name: name, Options: c.opts})
		err := w.Mount(t.Context(), name, "c1")
		prefix := "error while mounting volume '" + w.Path(name) + "': failed to mount local volume: "
		if err == nil || !strings.HasPrefix(err.Error(), prefix) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
		if found, err := w.Repair(t.Context(), true); err != nil || len(found) > 1 {
			t.Errorf("%s left %v, %v", name, found, err)
		}
	}
	if err := w.Mount(t.Context(), "none", "c1"); !errdefs.IsNotFound(err) {
		t.Errorf("a volume that is not there: %v", err)
	}
}

func TestResolveAddresses(t *testing.T) {
	for _, c := range []struct {
		opts         map[string]string
		device, data string
	}{
		{map[string]string{"type": "nfs", "device": ":/x", "o": "addr=10.0.0.1,rw"}, ":/x", "addr=10.0.0.1,rw"},
		{map[string]string{"type": "nfs", "device": ":/x", "o": "rw,addr=localhost"}, ":/x", "rw,addr=127.0.0.1"},
		{map[string]string{"type": "cifs", "device": "//127.0.0.1/share x", "o": "user=u"}, "//127.0.0.1/share x", "user=u"},
		{map[string]string{"type": "ext4", "device": "/dev/x", "o": "addr=localhost"}, "/dev/x", "addr=localhost"},
	} {
		device, data, err := resolveAddresses(t.Context(), c.opts)
		if err != nil || device != c.device || data != c.data && data != strings.Replace(c.data, "127.0.0.1", "::1", 1) {
			t.Errorf("%v: %q %q %v", c.opts, device, data, err)
		}
	}
	if got := hidePassword("user=u,password=p,pass=q,ro"); got != "user=u,password=********,pass=********,ro" {
		t.Error(got)
	}
}

func TestStage(t *testing.T) {
	needRoot(t)
	w := newWorld(t)
	w.make(t, CreateOptions{Name: "vv"})
	must(t, os.MkdirAll(filepath.Join(w.Path("vv"), "a/b"), 0o755))
	must(t, os.WriteFile(filepath.Join(w.Path("vv"), "a/b/file"), []byte("content"), 0o644))
	for link, to := range map[string]string{"link": "a", "absolute": "/etc", "up": "../..", "self": "self", "a/inside": "../a/b"} {
		must(t, os.Symlink(to, filepath.Join(w.Path("vv"), link)))
	}
	t.Cleanup(func() { _ = w.Unstage("c1") })
	for subpath, file := range map[string]string{"a/b": "file", "link/b": "file", "a/inside": "file", "a/b/file": "", "link/b/file": ""} {
		target := w.StagePath("c1", 1)
		must(t, w.StageVolume("vv", subpath, target))
		data, err := os.ReadFile(filepath.Join(target, file))
		if err != nil || string(data) != "content" {
			t.Errorf("%s: %q, %v", subpath, data, err)
		}
	}
	for subpath, want := range map[string]string{
		"absolute": "escapes the base directory", "up": "escapes the base directory", "absolute/passwd": "escapes the base directory",
		"none": "no such file or directory", "a/b/file/x": "not a directory", "self": "too many levels of symbolic links",
	} {
		if err := w.StageVolume("vv", subpath, w.StagePath("c1", 2)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", subpath, err, want)
		}
	}
	// What is left of a killed start is unmounted, never removed through.
	if found, err := w.Repair(t.Context(), false); err != nil || len(found) != 1 || found[0].Err != nil {
		t.Errorf("%+v, %v", found, err)
	}
	if _, err := os.Stat(filepath.Join(w.Path("vv"), "a/b/file")); err != nil {
		t.Error(err)
	}
	if left := w.staged(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestStageImage(t *testing.T) {
	needRoot(t)
	w := newWorld(t)
	image := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(image, "etc/dir"), 0o755))
	must(t, os.WriteFile(filepath.Join(image, "etc/file"), []byte("image"), 0o644))
	must(t, os.Symlink("/etc/file", filepath.Join(image, "link")))
	rootfs := []mount.Mount{{Type: "bind", Source: image, Options: []string{"rbind", "ro"}}}
	t.Cleanup(func() { _ = w.Unstage("c1") })
	for n, subpath := range []string{"", "etc", "link"} {
		must(t, w.StageImage(rootfs, "img", subpath, w.StagePath("c1", n+1)))
	}
	for _, path := range []string{w.StagePath("c1", 1) + "/etc/file", w.StagePath("c1", 2) + "/file", w.StagePath("c1", 3)} {
		if data, err := os.ReadFile(path); err != nil || string(data) != "image" {
			t.Errorf("%s: %q, %v", path, data, err)
		}
	}
	if err := os.WriteFile(w.StagePath("c1", 2)+"/new", nil, 0o600); err == nil {
		t.Error("a part of an image can be written")
	}
	if err := w.StageImage(rootfs, "img", "none", w.StagePath("c1", 4)); !errdefs.IsNotFound(err) || err.Error() != "image img has no path none" {
		t.Errorf("%v", err)
	}
	must(t, w.Unstage("c1"))
	must(t, w.Unstage("c1"))
	if _, err := os.Stat(filepath.Join(image, "etc/file")); err != nil {
		t.Error(err)
	}
}
