package archive

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nerd-cli/nerd/pkg/rootfs"
)

// Docker's rules, read off Docker 26.1: what is made of each pair of ends, in a
// container's tree and on the host.
func TestRules(t *testing.T) {
	const there = "d/\nd/sub/\nd/sub/x=x\nf=f\n"
	for _, c := range []struct {
		from, to   string
		want       string // a line that there is afterwards
		fails      string // in the error, for a container
		failsLocal string // on the host, where that differs
	}{
		{from: "/f", to: "/new", want: "new=f"},
		{from: "/f", to: "/old", want: "old=f"},
		{from: "/f", to: "/dir", want: "dir/f=f"},
		{from: "/f", to: "/dir/", want: "dir/f=f"},
		{from: "/f", to: "/dir/.", want: "dir/f=f"},
		{from: "/f", to: "/new/", fails: "no such directory"},
		{from: "/f", to: "/old/", fails: "not a directory"},
		{from: "/f", to: "/old/x", fails: "not a directory"},
		{from: "/f", to: "/no/x", fails: "Could not find the file /no in container c", failsLocal: `invalid output path: directory "/no" does not exist`},
		{from: "/f/", to: "/dir", fails: "not a directory"},
		{from: "/f/.", to: "/dir", fails: "not a directory"},
		{from: "/nothing", to: "/dir", fails: "Could not find the file /nothing in container c", failsLocal: "lstat /nothing: no such file or directory"},
		{from: "/f", to: "/todir", want: "dir/f=f"},
		{from: "/f", to: "/tofile", want: "old=f"},
		{from: "/f", to: "/dangling", want: "nowhere=f"},
		{from: "/f", to: "/farlink", fails: "Could not find the file /absent in container c", failsLocal: `directory "/absent" does not exist`},
		{from: "/f", to: "/loop", fails: "too many"},
		{from: "/d", to: "/new", want: "new/sub/x=x"},
		{from: "/d", to: "/new/", want: "new/sub/x=x"},
		{from: "/d/", to: "/new", want: "new/sub/x=x"},
		{from: "/d/.", to: "/new", want: "new/sub/x=x"},
		{from: "/d", to: "/dir", want: "dir/d/sub/x=x"},
		{from: "/d/.", to: "/dir", want: "dir/sub/x=x"},
		{from: "/d", to: "/no/x", fails: "Could not find the file /no in container c", failsLocal: `directory "/no" does not exist`},
		{from: "/d", to: "/old", fails: "cannot copy directory"},
		{from: "/d/.", to: "/old", fails: "cannot copy directory"},
		{from: "/d/.", to: "/clash", fails: `cannot overwrite non-directory "/clash/sub" with directory`},
		{from: "/d/.", to: "/clash2", fails: `cannot overwrite directory "/clash2/sub/x" with non-directory`},
		{from: "/lf", to: "/new", want: "new -> f"},
		{from: "/ld", to: "/new", want: "new -> d"},
		{from: "/ld/", to: "/new", want: "new/sub/x=x"},
		{from: "/ld/.", to: "/new", want: "new/sub/x=x"},
		{from: "/", to: "/dir", want: "dir/d/sub/x=x"},
		{from: "/d/../f", to: "/../new", want: "new=f"},
	} {
		for _, container := range []string{"c", ""} {
			src, _ := sandbox(t)
			write(t, filepath.Join(src, "f"), "f")
			write(t, filepath.Join(src, "d/sub/x"), "x")
			symlink(t, "f", filepath.Join(src, "lf"))
			symlink(t, "d", filepath.Join(src, "ld"))
			dst, _ := sandbox(t)
			furnish(t, dst)
			err := Copy(t.Context(), Place{open(t, src, rootfs.Inside), c.from, container}, Place{open(t, dst, rootfs.Inside), c.to, container}, CopyOptions{})
			fails := c.fails
			if container == "" && c.failsLocal != "" {
				fails = c.failsLocal
			}
			if fails == "" && err != nil || fails != "" && (err == nil || !strings.Contains(err.Error(), fails)) {
				t.Errorf("cp %s %s (container %q): %v, want %q", c.from, c.to, container, err, fails)
			}
			if got := listing(t, dst); c.want != "" && !slices.Contains(strings.Split(got, "\n"), c.want) {
				t.Errorf("cp %s %s (container %q): there is\n%s\nwithout %q", c.from, c.to, container, got, c.want)
			}
			if got := listing(t, src) + "\n"; !strings.HasPrefix(got, there) {
				t.Errorf("cp %s %s: the source is now\n%s", c.from, c.to, got)
			}
		}
	}
}

func furnish(t testing.TB, dst string) {
	t.Helper()
	write(t, filepath.Join(dst, "old"), "old")
	write(t, filepath.Join(dst, "dir/keep"), "")
	write(t, filepath.Join(dst, "clash/sub"), "")
	write(t, filepath.Join(dst, "clash2/sub/x/y"), "")
	for link, target := range map[string]string{
		"todir": "dir", "tofile": "/old", "dangling": "nowhere", "farlink": "/absent/x", "loop": "loop",
	} {
		symlink(t, target, filepath.Join(dst, link))
	}
}

func TestFollowLink(t *testing.T) {
	src, _ := sandbox(t)
	write(t, filepath.Join(src, "etc/real"), "r")
	symlink(t, "/etc/real", filepath.Join(src, "link"))
	symlink(t, "/gone", filepath.Join(src, "dangling"))
	dst, _ := sandbox(t)
	from, to := open(t, src, rootfs.Inside), open(t, dst, rootfs.Everywhere)
	opts := CopyOptions{FollowLink: true}
	if err := Copy(t.Context(), Place{from, "/link", "c"}, Place{to, "/", ""}, opts); err != nil {
		t.Fatal(err)
	}
	if got := listing(t, dst); got != "link=r" {
		t.Errorf("there is %q", got)
	}
	if err := Copy(t.Context(), Place{from, "/dangling", "c"}, Place{to, "/", ""}, opts); err == nil || !strings.Contains(err.Error(), "Could not find the file") {
		t.Errorf("a link to nothing: %v", err)
	}
	for _, c := range []struct {
		path   string
		follow bool
		want   string
	}{
		{"/link", true, "real"}, {"/link", false, "link"}, {"/etc", false, "etc/ etc/real"}, {"/etc/", false, "etc/ etc/real"}, {"/etc/.", false, "./ ./real"},
	} {
		var buf bytes.Buffer
		if err := Write(t.Context(), Place{from, c.path, "c"}, CopyOptions{FollowLink: c.follow}, NewWriter(&buf)); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(names(t, &buf), " "); got != c.want {
			t.Errorf("%s as a tar: %q, want %q", c.path, got, c.want)
		}
	}
}

func names(t testing.TB, r io.Reader) []string {
	t.Helper()
	var out []string
	files := tar.NewReader(r)
	for {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, h.Name)
	}
}

// Everything a file has comes along, in both ways of copying.
func TestWhatIsKept(t *testing.T) {
	asRoot(t)
	src, _ := sandbox(t)
	write(t, filepath.Join(src, "t/f"), "content")
	at := time.Unix(1234567890, 0)
	run(t, os.Link(filepath.Join(src, "t/f"), filepath.Join(src, "t/hard")))
	run(t, os.Chown(filepath.Join(src, "t/f"), 12, 34))
	run(t, os.Chmod(filepath.Join(src, "t/f"), os.ModeSetuid|0o751))
	run(t, unix.Setxattr(filepath.Join(src, "t/f"), "user.x", []byte("y"), 0))
	run(t, unix.Mkfifo(filepath.Join(src, "t/pipe"), 0o600))
	run(t, unix.Mknod(filepath.Join(src, "t/dev"), unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3))))
	sparse, err := os.Create(filepath.Join(src, "t/sparse"))
	run(t, err)
	_, err = sparse.WriteAt([]byte("x"), 64<<20)
	run(t, errors.Join(err, sparse.Close()))
	for _, name := range []string{"t/f", "t"} {
		run(t, os.Chtimes(filepath.Join(src, name), at, at))
	}
	from := Place{open(t, src, rootfs.Inside), "/t", "a"}
	direct, viaTar := t.TempDir(), t.TempDir()
	opts := CopyOptions{Owner: keep}
	run(t, Copy(t.Context(), from, Place{open(t, direct, rootfs.Inside), "/", "b"}, opts))
	var buf bytes.Buffer
	run(t, Write(t.Context(), from, opts, NewWriter(&buf)))
	run(t, Unpack(t.Context(), &buf, Place{open(t, viaTar, rootfs.Inside), "/", "b"}, opts))
	for _, dst := range []string{direct, viaTar} {
		info, err := os.Stat(filepath.Join(dst, "t/f"))
		run(t, err)
		st := info.Sys().(*syscall.Stat_t)
		if info.Mode() != os.ModeSetuid|0o751 || st.Uid != 12 || st.Gid != 34 || !info.ModTime().Equal(at) || st.Nlink != 2 {
			t.Errorf("%s: %v %d:%d %v, %d names", dst, info.Mode(), st.Uid, st.Gid, info.ModTime(), st.Nlink)
		}
		if read(t, filepath.Join(dst, "t/hard")) != "content" || xattr(filepath.Join(dst, "t/f"), "user.x") != "y" {
			t.Error("the content or an attribute is lost")
		}
		if dir, err := os.Stat(filepath.Join(dst, "t")); err != nil || !dir.ModTime().Equal(at) {
			t.Errorf("the folder's time is %v", dir.ModTime())
		}
		big, err := os.Stat(filepath.Join(dst, "t/sparse"))
		run(t, err)
		if big.Size() != 64<<20+1 || big.Sys().(*syscall.Stat_t).Blocks*512 > 1<<20 {
			t.Errorf("the sparse file has %d bytes in %d blocks", big.Size(), big.Sys().(*syscall.Stat_t).Blocks)
		}
		if dev, err := os.Lstat(filepath.Join(dst, "t/dev")); err != nil || dev.Sys().(*syscall.Stat_t).Rdev != unix.Mkdev(1, 3) {
			t.Errorf("the device is lost: %v", err)
		}
	}
}

func run(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// swap exchanges two names again and again until the test ends.
func swap(t testing.TB, a, b string) {
	t.Helper()
	stop := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				_ = unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE)
			}
		}
	})
	t.Cleanup(func() { close(stop); running.Wait() })
}

const raceFor = time.Second

// A folder that becomes a link out of the container while files are copied into
// it does not lead out, nor does one that is read.
func TestSwapRace(t *testing.T) {
	root, outside := sandbox(t)
	for _, d := range []string{"dir/sub", "src/sub"} {
		run(t, os.MkdirAll(filepath.Join(root, d), 0o755))
	}
	write(t, filepath.Join(root, "src/sub/secret"), "inside")
	for _, name := range []string{"dir/sub", "src/sub"} {
		link := filepath.Join(root, name+"-link")
		symlink(t, outside, link)
		swap(t, filepath.Join(root, name), link)
	}
	up := filepath.Join(root, "up")
	symlink(t, "../../../../../../../../../../../../.."+outside, up)
	swap(t, filepath.Join(root, "dir"), up)

	host, _ := sandbox(t)
	write(t, filepath.Join(host, "sub/secret"), "from the host")
	tree := open(t, root, rootfs.Inside)
	for end := time.Now().Add(raceFor); time.Now().Before(end); {
		_ = Copy(t.Context(), Place{open(t, host, rootfs.Everywhere), "/sub/secret", ""}, Place{tree, "/dir/sub/secret", "c"}, CopyOptions{Owner: keep})
		_ = Copy(t.Context(), Place{open(t, host, rootfs.Everywhere), "/.", ""}, Place{tree, "/dir", "c"}, CopyOptions{Owner: keep})
		var buf bytes.Buffer
		_ = Write(t.Context(), Place{tree, "/src/sub/secret", "c"}, CopyOptions{}, NewWriter(&buf))
		_ = Write(t.Context(), Place{tree, "/src", "c"}, CopyOptions{}, NewWriter(&buf))
		if bytes.Contains(buf.Bytes(), []byte("untouched")) {
			t.Fatal("a file from outside was read")
		}
		intact(t, outside)
	}
}

// A container that swaps files and links while it is copied from neither makes
// the host's links be followed nor its files be written through.
func TestSwapRaceToHost(t *testing.T) {
	root, _ := sandbox(t)
	run(t, os.MkdirAll(filepath.Join(root, "t/a"), 0o755))
	write(t, filepath.Join(root, "t/a/secret"), "evil")
	host, outside := sandbox(t)
	symlink(t, outside, filepath.Join(root, "t/b"))
	swap(t, filepath.Join(root, "t/a"), filepath.Join(root, "t/b"))
	tree, local := open(t, root, rootfs.Inside), open(t, host, rootfs.Everywhere)
	for end := time.Now().Add(raceFor); time.Now().Before(end); {
		_ = Copy(t.Context(), Place{tree, "/t", "c"}, Place{local, "/", ""}, CopyOptions{})
		_ = Copy(t.Context(), Place{tree, "/t/.", "c"}, Place{local, "/t", ""}, CopyOptions{})
		intact(t, outside)
		if time.Now().UnixNano()%4 == 0 {
			run(t, os.RemoveAll(filepath.Join(host, "t")))
		}
	}
}

// A file that grows, shrinks or is swapped for a pipe while it is read gives an
// archive that is whole all the same.
func TestChangingFiles(t *testing.T) {
	root, _ := sandbox(t)
	write(t, filepath.Join(root, "f"), strings.Repeat("x", 300<<10))
	run(t, unix.Mkfifo(filepath.Join(root, "p"), 0o600))
	swap(t, filepath.Join(root, "f"), filepath.Join(root, "p"))
	stop := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		for size := int64(0); ; size = (size + 77777) % (1 << 20) {
			select {
			case <-stop:
				return
			default:
				for _, name := range []string{"f", "p"} {
					if info, err := os.Lstat(filepath.Join(root, name)); err == nil && info.Mode().IsRegular() {
						_ = os.Truncate(filepath.Join(root, name), size)
					}
				}
			}
		}
	})
	t.Cleanup(func() { close(stop); running.Wait() })
	tree := open(t, root, rootfs.Inside)
	out := filepath.Join(t.TempDir(), "out.tar")
	for end := time.Now().Add(raceFor / 2); time.Now().Before(end); {
		f, err := os.Create(out)
		run(t, err)
		run(t, Write(t.Context(), Place{tree, "/.", "c"}, CopyOptions{}, NewWriter(f)))
		_, err = f.Seek(0, io.SeekStart)
		run(t, err)
		if got := names(t, f); len(got) > 3 || got[0] != "./" {
			t.Fatalf("the archive has %v", got)
		}
		run(t, f.Close())
	}
}

func TestDeepFolders(t *testing.T) {
	root, _ := sandbox(t)
	fd, err := unix.Open(root, unix.O_PATH, 0)
	run(t, err)
	for range maxDepth + 5 {
		run(t, unix.Mkdirat(fd, "d", 0o755))
		next, err := unix.Openat(fd, "d", unix.O_PATH, 0)
		run(t, errors.Join(err, unix.Close(fd)))
		fd = next
	}
	run(t, unix.Close(fd))
	err = Write(t.Context(), Place{open(t, root, rootfs.Inside), "/d", "c"}, CopyOptions{}, NewWriter(io.Discard))
	if err == nil || !strings.Contains(err.Error(), "nested too deeply") {
		t.Errorf("got %v", err)
	}
}

func TestUnpackNeedsAFolder(t *testing.T) {
	root, _ := sandbox(t)
	write(t, filepath.Join(root, "f"), "")
	for _, path := range []string{"/f", "/none", "/f/x"} {
		err := Unpack(t.Context(), strings.NewReader(""), Place{open(t, root, rootfs.Inside), path, "c"}, CopyOptions{})
		if want := `destination "c:` + path + `" must be a directory`; err == nil || err.Error() != want {
			t.Errorf("%s: %v", path, err)
		}
	}
}
