package layer

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nerd-cli/nerd/pkg/archive"
	"github.com/nerd-cli/nerd/pkg/rootfs"
)

func asRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can make the devices and attributes of overlayfs")
	}
}

func run(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// tree makes a folder of lines: "d/" a folder, "f=x" a file, "l->t" a link,
// "!f" an overlay's deletion, "d/ opaque" a folder that hides what is below.
func tree(t testing.TB, lines ...string) string {
	t.Helper()
	root := t.TempDir()
	run(t, os.Chmod(root, 0o755))
	for _, line := range lines {
		name, opaque := strings.CutSuffix(line, " opaque")
		name, gone := strings.CutPrefix(name, "!")
		name, content, _ := strings.Cut(name, "=")
		name, target, isLink := strings.Cut(name, "->")
		path := filepath.Join(root, name)
		run(t, os.MkdirAll(filepath.Dir(path), 0o755))
		switch {
		case gone:
			run(t, unix.Mknod(path, unix.S_IFCHR, 0))
		case isLink:
			run(t, os.Symlink(target, path))
		case strings.HasSuffix(name, "/"):
			run(t, os.MkdirAll(path, 0o755))
			if opaque {
				run(t, unix.Setxattr(path, "trusted.overlay.opaque", []byte("y"), 0))
			}
		default:
			run(t, os.WriteFile(path, []byte(content), 0o644))
			at := time.Unix(1e9, 0) // as images bring them
			run(t, os.Chtimes(path, at, at))
		}
	}
	return root
}

func hold(t testing.TB, dir string) *rootfs.FS {
	t.Helper()
	fs, err := rootfs.Open(dir, rootfs.Inside)
	run(t, err)
	t.Cleanup(func() { _ = fs.Close() })
	return fs
}

func text(changes []Change) string {
	var out []string
	for _, c := range changes {
		out = append(out, c.Kind.String()+" "+c.Path)
	}
	return strings.Join(out, ",")
}

func TestOverlay(t *testing.T) {
	asRoot(t)
	image := []string{"etc/passwd=p", "etc/group=g", "d/sub/f=f", "d/top=t", "file=x", "l->etc"}
	for name, c := range map[string]struct {
		upper []string
		own   []string
		want  string
	}{
		"nothing":                  {nil, nil, ""},
		"added":                    {[]string{"new=x", "n/m/f=x"}, nil, "A /n,A /n/m,A /n/m/f,A /new"},
		"changed":                  {[]string{"etc/passwd=q"}, nil, "C /etc,C /etc/passwd"},
		"deleted":                  {[]string{"!file", "etc/", "!etc/group"}, nil, "C /etc,D /etc/group,D /file"},
		"deleted what never was":   {[]string{"!ghost"}, nil, ""},
		"made again":               {[]string{"d/ opaque", "d/top=t2", "d/new=n"}, nil, "C /d,A /d/new,D /d/sub,C /d/top"},
		"folder instead of a file": {[]string{"file/in=x"}, nil, "C /file,A /file/in"},
		"folder instead of a link": {[]string{"l/in=x"}, nil, "C /l,A /l/in"},
		"file instead of a folder": {[]string{"d=x"}, nil, "C /d"},
		"link instead of a folder": {[]string{"d->etc"}, nil, "C /d"},
		"touched folder":           {[]string{"d/"}, nil, "C /d"},
		"own mount points": {
			[]string{"proc/", "dev/", "etc/hosts=", "run/secrets/one="}, []string{"/proc", "/dev", "/etc/hosts", "/run/secrets/one"}, "",
		},
		"own, and more":   {[]string{"proc/", "etc/hosts=", "etc/mine=x"}, []string{"/proc", "/etc/hosts"}, "C /etc,A /etc/mine"},
		"own, but filled": {[]string{"dev/null=x", "etc/hosts=mine"}, []string{"/dev", "/etc/hosts"}, "A /dev,A /dev/null,C /etc,A /etc/hosts"},
		"not own":         {[]string{"proc/"}, nil, "A /proc"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Overlay(t.Context(), hold(t, tree(t, c.upper...)), hold(t, tree(t, image...)), Options{Own: c.own})
			if err != nil || text(got) != c.want {
				t.Errorf("got %q (%v), want %q", text(got), err, c.want)
			}
		})
	}
}

func TestIndirect(t *testing.T) {
	asRoot(t)
	for _, attr := range []string{"trusted.overlay.redirect", "trusted.overlay.metacopy"} {
		upper := tree(t, "d/f=x")
		name := "d"
		if strings.HasSuffix(attr, "metacopy") {
			name = "d/f"
		}
		run(t, unix.Setxattr(filepath.Join(upper, name), attr, []byte("/x"), 0))
		if _, err := Overlay(t.Context(), hold(t, upper), hold(t, tree(t)), Options{}); !errors.Is(err, ErrIndirect) {
			t.Errorf("%s: %v", attr, err)
		}
	}
}

func TestCompare(t *testing.T) {
	original := tree(t, "same=1", "d/deep/f=f", "gone/f=x", "size=1", "content=aa", "kind=x", "l->a", "mode=x")
	now := tree(t, "same=1", "d/deep/f=f", "d/deep/new=n", "size=22", "content=bb", "kind/f=x", "l->b", "mode=x", "etc/hosts=")
	run(t, os.Chmod(filepath.Join(now, "mode"), 0o600))
	got, err := Compare(t.Context(), hold(t, now), hold(t, original), Options{Own: []string{"/etc/hosts"}})
	want := "C /content,C /d,C /d/deep,A /d/deep/new,D /gone,C /kind,A /kind/f,C /l,C /mode,C /size"
	if err != nil || text(got) != want {
		t.Errorf("got %q (%v), want %q", text(got), err, want)
	}
	if got, err := Compare(t.Context(), hold(t, original), hold(t, original), Options{}); err != nil || len(got) > 0 {
		t.Errorf("with itself: %q (%v)", text(got), err)
	}
}

// Content that differs only late, in files of the same size and time.
func TestSameContent(t *testing.T) {
	long := strings.Repeat("x", 600<<10)
	a, b := tree(t, "f="+long+"a"), tree(t, "f="+long+"b")
	if got, err := Compare(t.Context(), hold(t, a), hold(t, b), Options{}); err != nil || text(got) != "C /f" {
		t.Errorf("got %q (%v)", text(got), err)
	}
}

// A layer holds the files, whiteouts for what was deleted, and hard links once; put
// into an overlay's upper folder it says the same.
func TestWrite(t *testing.T) {
	asRoot(t)
	image := tree(t, "etc/passwd=p", "etc/group=g", "d/f=x")
	upper := tree(t, "etc/", "!etc/group", "a=1", "d/ opaque", "d/new=n")
	run(t, os.Link(filepath.Join(upper, "a"), filepath.Join(upper, "b")))
	changes, err := Overlay(t.Context(), hold(t, upper), hold(t, image), Options{})
	run(t, err)
	var buf bytes.Buffer
	w := archive.NewWriter(&buf)
	run(t, errors.Join(Write(t.Context(), hold(t, upper), changes, w), w.Close()))
	var names []string
	for files := tar.NewReader(&buf); ; {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		run(t, err)
		names = append(names, h.Name+strings.TrimSuffix("->"+h.Linkname, "->"))
	}
	if want := []string{"a", "b->a", "d/", "d/.wh.f", "d/new", "etc/", "etc/.wh.group"}; !slices.Equal(names, want) {
		t.Errorf("the layer has %q, want %q", names, want)
	}
	copied := t.TempDir()
	run(t, os.Chmod(copied, 0o755))
	sink := NewUpper(hold(t, copied))
	run(t, errors.Join(Write(t.Context(), hold(t, upper), changes, sink), sink.Close()))
	again, err := Overlay(t.Context(), hold(t, copied), hold(t, image), Options{})
	if err != nil || text(again) != text(changes) {
		t.Errorf("in another upper folder: %q (%v), want %q", text(again), err, text(changes))
	}
}

func TestWriteRefuses(t *testing.T) {
	dir := tree(t, "etc/.wh.passwd=x")
	changes := []Change{{Kind: added, Path: "/etc/.wh.passwd"}}
	err := Write(t.Context(), hold(t, dir), changes, archive.NewWriter(io.Discard))
	if err == nil || !strings.Contains(err.Error(), "/etc/.wh.passwd cannot be put in a layer") {
		t.Errorf("a name that means a deletion: %v", err)
	}
	// What has gone since is left out.
	run(t, Write(t.Context(), hold(t, dir), []Change{{Kind: added, Path: "/none"}, {Kind: modified, Path: "/etc/.x/y"}}, archive.NewWriter(io.Discard)))
}
