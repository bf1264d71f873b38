package copyup

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func open(t *testing.T, dir string) *os.File {
	t.Helper()
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func do(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// describe lists a tree with all that a copy has to keep.
func describe(t *testing.T, root string) string {
	t.Helper()
	var out strings.Builder
	links := map[uint64]string{}
	err := filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st syscall.Stat_t
		if err := syscall.Lstat(path, &st); err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		fmt.Fprintf(&out, "%s %o %d:%d mtime=%d.%d", rel, st.Mode, st.Uid, st.Gid, st.Mtim.Sec, st.Mtim.Nsec)
		switch st.Mode & syscall.S_IFMT {
		case syscall.S_IFREG:
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&out, " %d bytes %x", len(data), hash(data))
		case syscall.S_IFLNK:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&out, " -> %s", target)
		case syscall.S_IFCHR, syscall.S_IFBLK:
			fmt.Fprintf(&out, " device %d", st.Rdev)
		}
		if st.Nlink > 1 && st.Mode&syscall.S_IFMT != syscall.S_IFDIR {
			if links[st.Ino] == "" {
				links[st.Ino] = rel
			}
			fmt.Fprintf(&out, " is %s", links[st.Ino])
		}
		buf := make([]byte, 1024)
		if n, err := unix.Llistxattr(path, buf); err == nil && n > 0 {
			fmt.Fprintf(&out, " xattrs %q", strings.Split(strings.TrimSuffix(string(buf[:n]), "\x00"), "\x00"))
		}
		out.WriteByte('\n')
		return nil
	})
	do(t, err)
	return out.String()
}

func hash(data []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, b := range data {
		h = (h ^ uint64(b)) * 1099511628211
	}
	return h
}

func TestTree(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("owners and devices need root")
	}
	src, dst := t.TempDir(), t.TempDir()
	in := func(name string) string { return filepath.Join(src, name) }
	do(t, os.WriteFile(in("file"), []byte("content"), 0o640))
	do(t, os.Chown(in("file"), 5, 6))
	do(t, os.WriteFile(in("setuid"), []byte("x"), 0o755))
	do(t, os.Chown(in("setuid"), 7, 8))
	do(t, syscall.Chmod(in("setuid"), 0o6755))
	do(t, os.MkdirAll(in("a/b/c"), 0o700))
	do(t, os.Chmod(in("a/b"), 0o1777))
	do(t, os.WriteFile(in("a/b/c/deep"), make([]byte, 1<<20), 0o600))
	do(t, os.Link(in("a/b/c/deep"), in("hard")))
	do(t, os.Link(in("a/b/c/deep"), in("a/hard2")))
	do(t, os.Symlink("/etc/passwd", in("absolute")))
	do(t, os.Symlink("../../..", in("up")))
	do(t, os.Lchown(in("up"), 9, 9))
	do(t, os.Link(in("up"), in("up2")))
	do(t, unix.Mkfifo(in("fifo"), 0o604))
	do(t, unix.Mknod(in("null"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))))
	do(t, os.WriteFile(in("empty"), nil, 0))
	do(t, unix.Setxattr(in("file"), "user.note", []byte("kept"), 0))
	do(t, unix.Setxattr(in("a"), "trusted.note", []byte("kept"), 0))
	do(t, os.Chtimes(in("a/b"), time.Unix(1, 0), time.Unix(1e9, 5)))
	do(t, os.Chown(src, 11, 12))
	do(t, syscall.Chmod(src, 0o3770))
	do(t, os.Chtimes(src, time.Unix(1, 0), time.Unix(1234567, 0)))

	do(t, Tree(t.Context(), open(t, src), open(t, dst)))
	if want, got := describe(t, src), describe(t, dst); got != want {
		t.Errorf("copied:\n%s\nwant:\n%s", got, want)
	}
	var a, b syscall.Stat_t
	do(t, syscall.Lstat(in("up"), &a))
	do(t, syscall.Lstat(filepath.Join(dst, "up"), &b))
	if a.Uid != b.Uid || b.Nlink != 2 {
		t.Errorf("link: %+v", b)
	}
}

// Holes take no space in the copy either.
func TestSparse(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	f, err := os.Create(filepath.Join(src, "sparse"))
	do(t, err)
	for _, at := range []int64{0, 5 << 20, 40<<20 - 3} {
		_, err := f.WriteAt([]byte("abc"), at)
		do(t, err)
	}
	do(t, f.Truncate(64<<20))
	do(t, f.Close())
	do(t, Tree(t.Context(), open(t, src), open(t, dst)))
	var st syscall.Stat_t
	do(t, syscall.Stat(filepath.Join(dst, "sparse"), &st))
	if st.Size != 64<<20 || st.Blocks*512 > 1<<20 {
		t.Errorf("size %d, %d bytes on disk", st.Size, st.Blocks*512)
	}
	if want, got := describe(t, src), describe(t, dst); got != want {
		t.Errorf("copied:\n%s\nwant:\n%s", got, want)
	}
}

// A random tree comes out as it was.
func TestRandomTrees(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("owners need root")
	}
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 0))
		src, dst := t.TempDir(), t.TempDir()
		dirs, files := []string{src}, []string{}
		for i := range 60 {
			path := filepath.Join(dirs[r.IntN(len(dirs))], fmt.Sprint(i))
			switch r.IntN(5) {
			case 0:
				do(t, os.Mkdir(path, os.FileMode(r.IntN(0o1000)|0o700)))
				dirs = append(dirs, path)
			case 1:
				do(t, os.Symlink(strings.Repeat("../", r.IntN(5))+"x", path))
			case 2:
				if len(files) > 0 {
					do(t, os.Link(files[r.IntN(len(files))], path))
				}
			default:
				do(t, os.WriteFile(path, make([]byte, r.IntN(10000)), os.FileMode(r.IntN(0o1000))))
				files = append(files, path)
			}
			_ = os.Lchown(path, r.IntN(70000), r.IntN(70000))
		}
		do(t, Tree(t.Context(), open(t, src), open(t, dst)))
		if want, got := describe(t, src), describe(t, dst); got != want {
			t.Fatalf("seed %d: copied:\n%s\nwant:\n%s", seed, got, want)
		}
	}
}

// A folder that turns into a link while it is copied is not followed.
func TestNoFollow(t *testing.T) {
	src, dst, outside := t.TempDir(), t.TempDir(), t.TempDir()
	do(t, os.WriteFile(filepath.Join(outside, "secret"), []byte("s"), 0o600))
	do(t, os.Symlink(outside, filepath.Join(src, "dir")))
	if _, err := openFolder(int(open(t, src).Fd()), "dir"); !errors.Is(err, unix.ENOTDIR) && !errors.Is(err, unix.ELOOP) {
		t.Errorf("opened a link as a folder: %v", err)
	}
	if err := file(int(open(t, src).Fd()), int(open(t, dst).Fd()), "dir"); !errors.Is(err, unix.ELOOP) {
		t.Errorf("opened a link as a file: %v", err)
	}
	do(t, unix.Mkfifo(filepath.Join(src, "pipe"), 0o600))
	if err := file(int(open(t, src).Fd()), int(open(t, dst).Fd()), "pipe"); err == nil {
		t.Error("read a pipe")
	}
}

func TestStopsWithContext(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	do(t, os.MkdirAll(filepath.Join(src, "a/b"), 0o700))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Tree(ctx, open(t, src), open(t, dst)); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// The message names the path once.
func TestErrorNamesPath(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	do(t, os.MkdirAll(filepath.Join(src, "a/b"), 0o700))
	do(t, os.WriteFile(filepath.Join(src, "a/b/f"), []byte("x"), 0o600))
	do(t, os.MkdirAll(filepath.Join(dst, "a"), 0o700)) // in the way
	err := Tree(t.Context(), open(t, src), open(t, dst))
	if err == nil || strings.Count(err.Error(), "/a") != 1 {
		t.Errorf("%v", err)
	}
}
