package archive

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nerd-cli/nerd/pkg/rootfs"
)

func keep(uid, gid int) (int, int) { return uid, gid }

// extract runs an extractor over an archive.
func extract(t testing.TB, e *Extractor, data []byte) error {
	t.Helper()
	return errors.Join(e.Extract(t.Context(), bytes.NewReader(data)), e.Close())
}

// Each archive is extracted in a tree with links that lead out of it. What it may
// make is listed; what is outside must not change (see sandbox).
func TestHostileArchives(t *testing.T) {
	for name, c := range map[string]struct {
		entries []entry
		rule    rootfs.Rule
		want    string // in the listing
		fails   string // in the error
	}{
		"up by name":               {[]entry{{name: "../outside/secret", content: "x"}}, rootfs.Inside, "", "outside of the folder"},
		"up in the middle":         {[]entry{{name: "a/../../outside/secret", content: "x"}}, rootfs.Inside, "", "outside of the folder"},
		"absolute name":            {[]entry{{name: "/etc/new", content: "x"}}, rootfs.Inside, "etc/new=x", ""},
		"through a link there":     {[]entry{{name: "out/secret", content: "x"}}, rootfs.Inside, "", "out/secret"},
		"through a link, unlinked": {[]entry{{name: "out/secret", content: "x"}}, rootfs.Unlinked, "", "not followed"},
		"link, then through it": {
			[]entry{{name: "l", kind: tar.TypeSymlink, link: "../outside"}, {name: "l/secret", content: "x"}},
			rootfs.Unlinked, "", "not followed",
		},
		"absolute link, then through it": {
			[]entry{{name: "l", kind: tar.TypeSymlink, link: "/etc"}, {name: "l/new", content: "x"}},
			rootfs.Inside, "etc/new=x", "",
		},
		"over a link":      {[]entry{{name: "secretlink", content: "x"}}, rootfs.Inside, "secretlink=x", ""},
		"folder on a link": {[]entry{{name: "out", kind: tar.TypeDir, mode: 0o777}}, rootfs.Inside, "out -> ../outside", "cannot overwrite non-directory"},
		"hard link up":     {[]entry{{name: "h", kind: tar.TypeLink, link: "../outside/secret"}}, rootfs.Inside, "", "outside of the folder"},
		"hard link through a link": {
			[]entry{{name: "h", kind: tar.TypeLink, link: "out/secret"}, {name: "h", content: "x"}}, rootfs.Unlinked, "", "not followed",
		},
		"hard link to a link, then over it": {
			[]entry{{name: "h", kind: tar.TypeLink, link: "secretlink"}, {name: "h", content: "x"}}, rootfs.Inside, "h=x", "",
		},
		"hard link to itself":       {[]entry{{name: "h", kind: tar.TypeLink, link: "./h"}}, rootfs.Inside, "", "links it to"},
		"hard link to nothing":      {[]entry{{name: "h", kind: tar.TypeLink, link: "nowhere"}}, rootfs.Inside, "", "no such file"},
		"file over folder":          {[]entry{{name: "etc", content: "x"}}, rootfs.Inside, "etc/", "cannot overwrite directory"},
		"folder over file":          {[]entry{{name: "etc/passwd", kind: tar.TypeDir}}, rootfs.Inside, "etc/passwd=root", "cannot overwrite non-directory"},
		"below a file":              {[]entry{{name: "etc/passwd/x", content: "x"}}, rootfs.Inside, "", "not a directory"},
		"larger than the disk":      {[]entry{{name: "big", size: 1 << 60}}, rootfs.Inside, "", "file too large"},
		"cut short":                 {[]entry{{name: "short", size: 1 << 20, content: "x"}}, rootfs.Inside, "", "EOF"},
		"of an unknown kind":        {[]entry{{name: "k", kind: 'V'}}, rootfs.Inside, "", "cannot be extracted"},
		"negative owner":            {[]entry{{name: "o", uid: -1, mode: 0o4755}}, rootfs.Inside, "", "no user or group"},
		"a whiteout is only a name": {[]entry{{name: "etc/.wh.passwd"}}, rootfs.Inside, "etc/passwd=root", ""},
		"a missing folder":          {[]entry{{name: "n/e/w", content: "x"}}, rootfs.Inside, "n/e/w=x", ""},
		"global header":             {[]entry{{kind: tar.TypeXGlobalHeader, mode: -1, pax: map[string]string{"path": "../x"}}}, rootfs.Inside, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			root, _ := sandbox(t)
			write(t, filepath.Join(root, "etc/passwd"), "root")
			symlink(t, "../outside", filepath.Join(root, "out"))
			symlink(t, "../outside/secret", filepath.Join(root, "secretlink"))
			err := extract(t, &Extractor{Tree: open(t, root, c.rule), Owner: nil}, makeTar(t, c.entries...))
			if c.fails == "" && err != nil || c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)) {
				t.Errorf("error %v, want %q", err, c.fails)
			}
			if got := listing(t, root); !strings.Contains(got+"\n", c.want) {
				t.Errorf("there is\n%s\nwithout %q", got, c.want)
			}
		})
	}
}

// In a container's root an absolute link is one of the container.
func TestLinksStayInside(t *testing.T) {
	root, outside := sandbox(t)
	symlink(t, outside, filepath.Join(root, "abs"))
	symlink(t, "../../../../../../"+outside, filepath.Join(root, "deep/rel"))
	for _, name := range []string{"abs/secret", "deep/rel/secret"} {
		e := &Extractor{Tree: open(t, root, rootfs.Inside)}
		_ = extract(t, e, makeTar(t, entry{name: name, content: "x"}))
	}
	intact(t, outside)
}

func TestOwnerModeAndAttributes(t *testing.T) {
	asRoot(t)
	capability := "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	data := makeTar(t,
		entry{name: "d", kind: tar.TypeDir, mode: 0o2750, uid: 5, gid: 6},
		entry{name: "d/suid", content: "x", mode: 0o6755, uid: 7, gid: 8, pax: map[string]string{
			"SCHILY.xattr.security.capability": capability, "SCHILY.xattr.user.mine": "1", "SCHILY.xattr.trusted.overlay.opaque": "y",
		}},
		entry{name: "null", kind: tar.TypeChar, major: 1, minor: 3, mode: 0o666},
		entry{name: "pipe", kind: tar.TypeFifo, mode: 0o622},
		entry{name: "l", kind: tar.TypeSymlink, link: "d", uid: 9, gid: 10},
	)
	root, _ := sandbox(t)
	if err := extract(t, &Extractor{Tree: open(t, root, rootfs.Inside), Owner: keep}, data); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]struct {
		mode     os.FileMode
		uid, gid uint32
	}{
		"d":      {os.ModeDir | os.ModeSetgid | 0o750, 5, 6},
		"d/suid": {os.ModeSetuid | os.ModeSetgid | 0o755, 7, 8},
		"null":   {os.ModeDevice | os.ModeCharDevice | 0o666, 0, 0},
		"pipe":   {os.ModeNamedPipe | 0o622, 0, 0},
		"l":      {os.ModeSymlink | 0o777, 9, 10},
	} {
		info, err := os.Lstat(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		st := info.Sys().(*syscall.Stat_t)
		if info.Mode() != want.mode || st.Uid != want.uid || st.Gid != want.gid {
			t.Errorf("%s: %v %d:%d, want %v %d:%d", name, info.Mode(), st.Uid, st.Gid, want.mode, want.uid, want.gid)
		}
	}
	file := filepath.Join(root, "d/suid")
	for attr, want := range map[string]string{"security.capability": capability, "user.mine": "1", "trusted.overlay.opaque": ""} {
		if got := xattr(file, attr); got != want {
			t.Errorf("%s is %q, want %q", attr, got, want)
		}
	}
}

// What comes from a container to the host has no power there.
func TestTame(t *testing.T) {
	asRoot(t)
	root, _ := sandbox(t)
	data := makeTar(t,
		entry{name: "suid", content: "x", mode: 0o6755, uid: 7, gid: 8, pax: map[string]string{"SCHILY.xattr.security.capability": "\x01\x00\x00\x02"}},
		entry{name: "d", kind: tar.TypeDir, mode: 0o3777},
	)
	if err := extract(t, &Extractor{Tree: open(t, root, rootfs.Unlinked), Tame: true}, data); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{"suid": 0o755, "d": os.ModeDir | os.ModeSticky | 0o777} {
		info, err := os.Lstat(filepath.Join(root, name))
		if err != nil || info.Mode() != want || info.Sys().(*syscall.Stat_t).Uid != 0 {
			t.Errorf("%s: %v, want %v (%v)", name, info.Mode(), want, err)
		}
	}
	if got := xattr(filepath.Join(root, "suid"), "security.capability"); got != "" {
		t.Errorf("it kept the capability %q", got)
	}
	err := extract(t, &Extractor{Tree: open(t, root, rootfs.Unlinked), Tame: true}, makeTar(t, entry{name: "sda", kind: tar.TypeBlock, major: 8}))
	if err == nil || !strings.Contains(err.Error(), "device") {
		t.Errorf("a disk came to the host: %v", err)
	}
}

func xattr(path, name string) string {
	buf := make([]byte, 100)
	n, err := unix.Lgetxattr(path, name, buf)
	if err != nil {
		return ""
	}
	return string(buf[:n])
}

// A file of zeros takes no room, and none of its bytes are lost.
func TestHoles(t *testing.T) {
	root, _ := sandbox(t)
	content := strings.Repeat("\x00", 8<<20) + "end"
	if err := extract(t, &Extractor{Tree: open(t, root, rootfs.Inside)}, makeTar(t, entry{name: "f", content: content})); err != nil {
		t.Fatal(err)
	}
	if got := read(t, filepath.Join(root, "f")); got != content {
		t.Errorf("%d bytes came out, or others", len(got))
	}
	info, _ := os.Stat(filepath.Join(root, "f"))
	if used := info.Sys().(*syscall.Stat_t).Blocks * 512; used > 1<<20 {
		t.Errorf("%d bytes are used on disk", used)
	}
}

func TestCompressedAndCancelled(t *testing.T) {
	root, _ := sandbox(t)
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	if _, err := z.Write(makeTar(t, entry{name: "f", content: "x"})); err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	e := &Extractor{Tree: open(t, root, rootfs.Inside)}
	if err := extract(t, e, buf.Bytes()); err != nil || read(t, filepath.Join(root, "f")) != "x" {
		t.Errorf("from gzip: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := e.Extract(ctx, &buf); !errors.Is(err, context.Canceled) && err == nil {
		t.Errorf("after the end: %v", err)
	}
	if err := extract(t, e, []byte("no tar, though long enough to be read as one"+strings.Repeat("x", 600))); err == nil {
		t.Error("what is no archive was taken")
	}
}

// FuzzExtract lets any archive loose on a tree with links that lead out.
func FuzzExtract(f *testing.F) {
	f.Add(makeTar(f, entry{name: "l", kind: tar.TypeSymlink, link: "/"}, entry{name: "l/x", content: "x"}))
	f.Add(makeTar(f, entry{name: "../x", content: "x"}))
	f.Add(makeTar(f, entry{name: "h", kind: tar.TypeLink, link: "out/secret"}, entry{name: "h", content: "x"}))
	f.Add(makeTar(f, entry{name: "d/", kind: tar.TypeDir, mode: 0o777}, entry{name: "d/s", mode: 0o4777, uid: -1}))
	f.Fuzz(func(t *testing.T, data []byte) {
		root, outside := sandbox(t)
		symlink(t, "../outside", filepath.Join(root, "out"))
		symlink(t, outside, filepath.Join(root, "abs"))
		for _, e := range []*Extractor{
			{Tree: open(t, root, rootfs.Inside)},
			{Tree: open(t, root, rootfs.Unlinked), Tame: true},
		} {
			_ = extract(t, e, data)
			intact(t, outside)
		}
	})
}
