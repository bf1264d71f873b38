package logs

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// pack compresses a file as nerd-logger does.
func pack(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Comment = fmt.Sprint("inode ", info.Sys().(*syscall.Stat_t).Ino)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, path+".gz", b.String())
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func TestReadCompressed(t *testing.T) {
	for _, test := range []struct {
		name string
		opts Options
		from int
	}{
		{"all", Options{Tail: -1}, 0},
		{"none", Options{Tail: 0}, 30},
		{"the current file", Options{Tail: 10}, 20},
		{"into a compressed file", Options{Tail: 11}, 19},
		{"into the oldest file", Options{Tail: 29}, 1},
		{"exactly all", Options{Tail: 30}, 0},
		{"more than there are", Options{Tail: 1000}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := rotated(t)
			pack(t, path+".2")
			pack(t, path+".1")
			got, err := collect(t, path, test.opts, nil)
			if err != nil {
				t.Fatal(err)
			}
			expect(t, got, test.from, 30)
		})
	}
}

// A file that has just been compressed is there under both names, and counts once.
func TestReadBothNames(t *testing.T) {
	path := rotated(t)
	pack(t, path+".1")
	write(t, path+".1", lines(10, 20))
	got, err := collect(t, path, Options{Tail: -1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, got, 0, 30)
}

// A damaged file costs its own entries and a word in the error, nothing else.
func TestReadDamagedFile(t *testing.T) {
	for name, damage := range map[string]func(string) error{
		"cut":      func(p string) error { return os.Truncate(p, 40) },
		"no gzip":  func(p string) error { return os.WriteFile(p, []byte("something else"), 0o600) },
		"nothing":  func(p string) error { return os.Truncate(p, 0) },
		"scramble": func(p string) error { return scramble(p) },
	} {
		t.Run(name, func(t *testing.T) {
			path := rotated(t)
			pack(t, path+".2")
			if err := damage(path + ".2.gz"); err != nil {
				t.Fatal(err)
			}
			got, err := collect(t, path, Options{Tail: -1}, nil)
			if len(got) < 20 || !slices.Equal(got[len(got)-20:], numbers(10, 30)) {
				t.Errorf("%v", got)
			}
			if name != "nothing" && err == nil {
				t.Error("nobody was told")
			}
		})
	}
}

func scramble(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for i := len(data) / 2; i < len(data); i++ {
		data[i] ^= 0x55
	}
	return os.WriteFile(path, data, 0o600)
}

func numbers(from, to int) (out []int) {
	for i := from; i < to; i++ {
		out = append(out, i)
	}
	return out
}

// A follower whose file is compressed behind its back sees no entry twice.
func TestFollowCompression(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	write(t, path, lines(0, 10))
	done := make(chan struct{})
	seen := 0
	var got []int
	err := Read(t.Context(), path, Options{Tail: -1, Follow: true, Emit: func(e Entry) error {
		var n int
		_, err := fmt.Sscan(string(e.Log), &n)
		got = append(got, n)
		if seen++; seen == 10 {
			err = os.Rename(path, path+".1")
			pack(t, path+".1")
			write(t, path, lines(10, 20))
			close(done)
		}
		return err
	}}, done)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, got, 0, 20)
}

// The names that a kubelet gives, by which the files are not numbered but dated.
func TestListKubelet(t *testing.T) {
	path := filepath.Join(t.TempDir(), "0.log")
	for _, suffix := range []string{"", ".20260102-030405", ".20260101-000000.gz", ".20260102-030405.gz", ".tmp", ".20261399-000000", ".01", ".0", ".-1", ".gz", ".1x"} {
		write(t, path+suffix, "")
	}
	got, err := list(path)
	want := []string{path, path + ".20260102-030405", path + ".20260101-000000.gz"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := list(path + "x"); err == nil || !strings.Contains(err.Error(), fs.ErrNotExist.Error()) {
		t.Error(err)
	}
}
