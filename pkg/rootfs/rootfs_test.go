package rootfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/mount"
	"golang.org/x/sys/unix"
)

func run(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func asRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can mount")
	}
}

// folder makes a folder with files, by path and content.
func folder(t testing.TB, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		path := filepath.Join(root, name)
		run(t, os.MkdirAll(filepath.Dir(path), 0o755))
		run(t, os.WriteFile(path, []byte(content), 0o644))
	}
	return root
}

func hold(t testing.TB, dir string, rule Rule) *FS {
	t.Helper()
	tree, err := Open(dir, rule)
	run(t, err)
	t.Cleanup(func() { _ = tree.Close() })
	return tree
}

// content is what a path leads to holds.
func content(tree *FS, path string) (string, error) {
	n, err := tree.Find(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = n.Close() }()
	f, err := n.Open()
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	buf := make([]byte, 100)
	size, _ := f.Read(buf)
	return string(buf[:size]), nil
}

func TestRules(t *testing.T) {
	root := folder(t, map[string]string{"etc/passwd": "inside", "a/f": "f"})
	for link, target := range map[string]string{
		"abs": "/etc/passwd", "up": "../../../../../../../etc/passwd", "dir": "/a", "magic": "/proc/self/root/etc/passwd",
	} {
		run(t, os.Symlink(target, filepath.Join(root, link)))
	}
	for _, c := range []struct {
		rule       Rule
		path, want string
		err        error
	}{
		{Inside, "abs", "inside", nil},
		{Inside, "/up", "inside", nil},
		{Inside, "dir/f", "f", nil},
		{Inside, "../../a/f", "f", nil},
		{Inside, "magic", "", fs.ErrNotExist},
		{Unlinked, "a/f", "f", nil},
		{Unlinked, "abs", "", unix.ELOOP},
		{Unlinked, "dir/f", "", unix.ELOOP},
		{Unlinked, "../x", "", unix.EXDEV},
	} {
		got, err := content(hold(t, root, c.rule), c.path)
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s by rule %x: %q, %v; want %q, %v", c.path, c.rule, got, err, c.want, c.err)
		}
	}
}

// A magic link of a container's /proc leads nowhere.
func TestMagicLinks(t *testing.T) {
	tree := hold(t, "/proc/self", Inside)
	for _, path := range []string{"root/etc", "cwd", "exe", "fd/0"} {
		if n, err := tree.Find(path); err == nil {
			t.Errorf("%s was followed to %v", path, n.Name())
			_ = n.Close()
		}
	}
}

// Nothing but ordinary files is ever opened.
func TestOnlyFilesAreOpened(t *testing.T) {
	root := t.TempDir()
	run(t, unix.Mkfifo(filepath.Join(root, "pipe"), 0o644))
	if _, err := content(hold(t, root, Inside), "pipe"); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a pipe: %v", err)
	}
	if _, err := content(hold(t, root, Inside), "."); err == nil {
		t.Error("a folder was opened as a file")
	}
}

func TestMkdirAll(t *testing.T) {
	root := folder(t, map[string]string{"f": ""})
	run(t, os.Symlink("/real", filepath.Join(root, "link")))
	run(t, os.Mkdir(filepath.Join(root, "real"), 0o755))
	run(t, os.Symlink("/gone", filepath.Join(root, "dangling")))
	tree := hold(t, root, Inside)
	n, err := tree.MkdirAll("link/a/b", 0o750)
	run(t, err)
	run(t, n.Close())
	if info, err := os.Stat(filepath.Join(root, "real/a/b")); err != nil || info.Mode().Perm() != 0o750 {
		t.Errorf("not made through the link inside: %v", err)
	}
	for _, path := range []string{"f", "f/x", "dangling", "dangling/x"} {
		if n, err := tree.MkdirAll(path, 0o755); err == nil {
			t.Errorf("%s was made", path)
			_ = n.Close()
		}
	}
}

func TestAt(t *testing.T) {
	root := folder(t, map[string]string{"a/f": "f", "secret": ""})
	below, err := hold(t, root, Everywhere).At("a", Unlinked)
	run(t, err)
	defer func() { _ = below.Close() }()
	if got, err := content(below, "f"); got != "f" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := below.Find("../secret"); !errors.Is(err, unix.EXDEV) {
		t.Errorf("upwards: %v", err)
	}
	if _, err := hold(t, root, Everywhere).At("a/f", Unlinked); !errors.Is(err, unix.ENOTDIR) {
		t.Errorf("a file: %v", err)
	}
}

// overlayOf is an overlay mount of two layers and an upper folder. Its folders are
// on a file system that overlays can be made of.
func overlayOf(t testing.TB) (m mount.Mount, upper string) {
	t.Helper()
	one := folder(t, map[string]string{"f": "one", "one": "1", "etc/x": ""})
	two := folder(t, map[string]string{"f": "two"})
	upper = folder(t, map[string]string{"mine": "m"})
	return mount.Mount{Type: "overlay", Source: "overlay", Options: []string{
		"index=off", "workdir=" + t.TempDir(), "upperdir=" + upper, "lowerdir=" + two + ":" + one,
	}}, upper
}

func TestView(t *testing.T) {
	asRoot(t)
	m, upper := overlayOf(t)
	bound := folder(t, map[string]string{"b": "bound"})
	file := filepath.Join(folder(t, map[string]string{"hosts": "h"}), "hosts")
	place := t.TempDir()
	tree, err := View([]mount.Mount{m}, ViewOptions{Place: place, Binds: []Bind{
		{Source: bound, Target: "/v/deep/ro", ReadOnly: true, Recursive: true},
		{Source: bound, Target: "/v"},
		{Source: file, Target: "/etc/hosts"},
		{Source: "/nonexistent/source", Target: "/nothing"},
	}})
	run(t, err)
	for path, want := range map[string]string{"f": "two", "one": "1", "mine": "m", "v/b": "bound", "v/deep/ro/b": "bound", "etc/hosts": "h"} {
		if got, err := content(tree, path); got != want || err != nil {
			t.Errorf("%s: %q, %v; want %q", path, got, err, want)
		}
	}
	for path, want := range map[string]error{"/v/new": nil, "/v/deep/ro/other": unix.EROFS, "/new": nil} {
		n, err := tree.MkdirAll(path, 0o755)
		if !errors.Is(err, want) {
			t.Errorf("making %s: %v, want %v", path, err, want)
		}
		if err == nil {
			run(t, n.Close())
		}
	}
	if _, err := os.Stat(filepath.Join(bound, "new")); err != nil {
		t.Errorf("what was written in a bind is not there: %v", err)
	}
	if _, err := os.Stat(filepath.Join(upper, "new")); err != nil {
		t.Errorf("what was written is not in the upper folder: %v", err)
	}
	if _, err := tree.Find("nothing"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a bind without a source left a place: %v", err)
	}
	if list, _ := os.ReadDir(place); len(list) != 0 {
		t.Errorf("the mount shows at its place: %v", list)
	}
	run(t, tree.Close())
}

func TestReadOnlyViews(t *testing.T) {
	asRoot(t)
	m, _ := overlayOf(t)
	for name, mounts := range map[string][]mount.Mount{"whole": ReadOnly([]mount.Mount{m}), "below": Below(m)} {
		tree, err := View(mounts, ViewOptions{Place: t.TempDir()})
		run(t, err)
		_, err = content(tree, "mine")
		if (err == nil) != (name == "whole") {
			t.Errorf("%s: the upper file: %v", name, err)
		}
		if _, err := tree.MkdirAll("new", 0o755); !errors.Is(err, unix.EROFS) {
			t.Errorf("%s: written to: %v", name, err)
		}
		run(t, tree.Close())
	}
	plain := folder(t, map[string]string{"f": "x"})
	tree, err := View([]mount.Mount{{Type: "bind", Source: plain, Options: []string{"rbind", "rw"}}}, ViewOptions{Place: t.TempDir(), ReadOnly: true})
	run(t, err)
	if _, err := tree.MkdirAll("new", 0o755); !errors.Is(err, unix.EROFS) {
		t.Errorf("written to: %v", err)
	}
	run(t, tree.Close())
}

// A bind whose place is a link that leads out is mounted inside, or not at all.
func TestBindPlaces(t *testing.T) {
	asRoot(t)
	root := folder(t, map[string]string{"in/x": ""})
	outside := folder(t, map[string]string{"keep": "k"})
	run(t, os.Symlink(outside, filepath.Join(root, "out")))
	run(t, os.Symlink("/in", filepath.Join(root, "link")))
	bound := folder(t, map[string]string{"b": "bound"})
	mounts := []mount.Mount{{Type: "bind", Source: root, Options: []string{"rbind", "rw"}}}
	tree, err := View(mounts, ViewOptions{Place: t.TempDir(), Binds: []Bind{{Source: bound, Target: "/link"}}})
	run(t, err)
	if got, err := content(tree, "in/b"); got != "bound" || err != nil {
		t.Errorf("through a link inside: %q, %v", got, err)
	}
	run(t, tree.Close())
	if tree, err := View(mounts, ViewOptions{Place: t.TempDir(), Binds: []Bind{{Source: bound, Target: "/out"}}}); err == nil {
		t.Error("a link that leads out was taken")
		_ = tree.Close()
	}
	if list, err := os.ReadDir(outside); err != nil || len(list) != 1 {
		t.Errorf("outside has %v (%v)", list, err)
	}
}

func TestLive(t *testing.T) {
	asRoot(t)
	for name, open := range map[string]func(int) (*FS, error){"with mounts": Live, "alone": LiveRoot} {
		tree, err := open(os.Getpid())
		run(t, err)
		n, err := tree.Find("/etc")
		run(t, err)
		run(t, n.Close())
		_, err = tree.Find("/proc/version")
		if (err == nil) != (name == "with mounts") {
			t.Errorf("%s: /proc/version: %v", name, err)
		}
		run(t, tree.Close())
	}
	if _, err := Live(1 << 30); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no process: %v", err)
	}
}

func TestOverlayParts(t *testing.T) {
	m := mount.Mount{Type: "overlay", Options: []string{"lowerdir=/a:/b", "upperdir=/u", "workdir=/w", "index=off", "userxattr", "ro"}}
	o := ParseOverlay(m)
	if strings.Join(o.Lower, ",") != "/a,/b" || o.Upper != "/u" || o.Work != "/w" || o.flags != unix.MS_RDONLY {
		t.Errorf("got %+v", o)
	}
	if got := strings.Join(ReadOnly([]mount.Mount{m})[0].Options, ","); got != "userxattr,lowerdir=/u:/a:/b,ro" {
		t.Errorf("read-only: %s", got)
	}
	one := mount.Mount{Type: "overlay", Options: []string{"lowerdir=/a", "upperdir=/u"}}
	if got := Below(one)[0]; got.Type != "bind" || got.Source != "/a" {
		t.Errorf("below: %+v", got)
	}
	for paths, want := range map[string]string{
		"/x/1/fs,/x/2/fs": "/x", "/x/1/fs": "/x/1", "/x/a,/y/b": "", "/x/aa,/x/ab/c": "/x", "rel,/x": "", "/s/1/fs,": "/s/1",
	} {
		if got := commonFolder(strings.Split(paths, ",")); got != want {
			t.Errorf("%s: %q, want %q", paths, got, want)
		}
	}
}
