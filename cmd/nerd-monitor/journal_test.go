package main

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func newJournal(t *testing.T) (*journal, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal")
	j, recovered, errno := openJournal(path, defaultRing, true, 7, 0)
	if errno != 0 || recovered {
		t.Fatal(errno, recovered)
	}
	return j, path
}

// pipe is a pipe whose reading end does not block.
func pipe(t *testing.T) (r int, w *os.File) {
	t.Helper()
	var p [2]int
	if err := syscall.Pipe2(p[:], syscall.O_CLOEXEC|syscall.O_NONBLOCK); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(p[0]) })
	return p[0], os.NewFile(uintptr(p[1]), "pipe")
}

func TestRing(t *testing.T) {
	j, path := newJournal(t)
	r, w := pipe(t)
	var want strings.Builder
	for i := range 200 { // several laps
		chunk := strings.Repeat(strconv.Itoa(i), 1000)
		want.WriteString(chunk)
		if _, err := w.WriteString(chunk); err != nil {
			t.Fatal(err)
		}
		for {
			n, errno := j.fill(1, r, j.end(1))
			if errno == syscall.EAGAIN {
				break
			}
			if errno != 0 || n == 0 {
				t.Fatal(n, errno)
			}
		}
		if j.end(1) != uint64(want.Len()) || j.end(0) != 0 {
			t.Fatalf("ends at %d and %d, want 0 and %d", j.end(0), j.end(1), want.Len())
		}
		from := max(0, want.Len()-defaultRing)
		if got := string(j.view(1, uint64(from), j.end(1))); got != want.String()[from:] {
			t.Fatalf("after %d bytes the ring has something else", want.Len())
		}
	}
	end := j.end(1)
	if err := syscall.Flock(j.fd, syscall.LOCK_UN); err != nil {
		t.Fatal(err)
	}
	again, recovered, errno := openJournal(path, defaultRing, false, 0, 0)
	if errno != 0 || !recovered || again.end(1) != end || again.nonce != 7 {
		t.Errorf("opened again: %v, %v, end %d", errno, recovered, again.end(1))
	}
}

func TestRingKeepsFloor(t *testing.T) {
	j, _ := newJournal(t)
	r, w := pipe(t)
	total := 0
	for {
		if _, err := w.Write(make([]byte, 10_000)); err != nil {
			t.Fatal(err)
		}
		n, errno := j.fill(0, r, 0)
		total += n
		if errno == syscall.ENOBUFS {
			total -= n
			break
		}
	}
	if j.end(0) != defaultRing {
		t.Errorf("took %d bytes, want %d", j.end(0), defaultRing)
	}
}

func TestEndOfPipe(t *testing.T) {
	j, _ := newJournal(t)
	r, w := pipe(t)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if n, errno := j.fill(0, r, 0); n != 0 || errno != 0 {
		t.Errorf("got %d, %v", n, errno)
	}
}

func TestJournalIsLocked(t *testing.T) {
	j, path := newJournal(t)
	if _, _, errno := openJournal(path, defaultRing, false, 0, 0); errno != syscall.EBUSY {
		t.Errorf("got %v, want EBUSY", errno)
	}
	if err := syscall.Flock(j.fd, syscall.LOCK_UN); err != nil {
		t.Fatal(err)
	}
	// A fresh start takes another file: the old one may still be mapped.
	fresh, recovered, errno := openJournal(path, defaultRing, true, 8, 0)
	if errno != 0 || recovered || isNamed(j.fd, path) || !isNamed(fresh.fd, path) {
		t.Errorf("a fresh start: %v, recovered %v", errno, recovered)
	}
}

func TestJournalOfAnotherVersion(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	if err := os.WriteFile(path, []byte(strings.Repeat("nonsense", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	j, recovered, errno := openJournal(path, defaultRing, false, 0, 0)
	if errno != 0 || recovered || j.end(0) != 0 {
		t.Errorf("got %v, recovered %v", errno, recovered)
	}
}

// TestInterruptedWrite: whatever part of a planned write has reached the log, the
// next monitor completes it, once.
func TestInterruptedWrite(t *testing.T) {
	j, _ := newJournal(t)
	r, w := pipe(t)
	if _, err := w.WriteString("one\ntwo\n"); err != nil {
		t.Fatal(err)
	}
	if _, errno := j.fill(0, r, 0); errno != 0 {
		t.Fatal(errno)
	}
	path := filepath.Join(t.TempDir(), "log")
	l := newLogFile(&config{logPath: path, maxFile: 1})
	before := *j.header
	if !l.pump(j, [2]bool{}) {
		t.Fatal("nothing was written")
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	planned := j.plan
	for n := range len(want) + 1 {
		*j.header = before
		j.plan = planned
		if err := os.Truncate(path, int64(n)); err != nil {
			t.Fatal(err)
		}
		newLogFile(&config{logPath: path, maxFile: 1}).recover(j)
		got, err := os.ReadFile(path)
		if err != nil || string(got) != string(want) {
			t.Fatalf("after %d bytes: %q, %v, want %q", n, got, err, want)
		}
		if j.committed().logged[0] != 8 {
			t.Fatalf("after %d bytes: %d are logged", n, j.committed().logged[0])
		}
	}
}

// TestInterruptedRotation does a rotation again after each of its steps.
func TestInterruptedRotation(t *testing.T) {
	for steps := range 4 {
		dir := t.TempDir()
		c := config{logPath: filepath.Join(dir, "log"), maxFile: 4}
		l := newLogFile(&c)
		for i, name := range []string{"log", "log.1", "log.2"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(strconv.Itoa(i)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for i := 3; i > 3-steps; i-- {
			if err := os.Rename(l.names[i-1], l.names[i]); err != nil {
				t.Fatal(err)
			}
		}
		if steps < 3 { // else only the new log is missing
			l.rotate()
		}
		for i, name := range []string{"log.1", "log.2", "log.3"} {
			if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(b) != strconv.Itoa(i) {
				t.Errorf("after %d steps: %s is %q, %v", steps, name, b, err)
			}
		}
	}
}

func TestRotationDropsTheOldest(t *testing.T) {
	dir := t.TempDir()
	for maxFile, want := range map[int]string{1: "", 2: "2", 3: "21"} {
		path := filepath.Join(dir, strconv.Itoa(maxFile))
		l := newLogFile(&config{logPath: path, maxFile: maxFile})
		for i := range 3 {
			l.open()
			l.append([]byte(strconv.Itoa(i)))
			l.rotate()
		}
		got := ""
		for _, name := range l.names[1:] {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			got += string(b)
		}
		if got != want {
			t.Errorf("%d files: the old ones are %q, want %q", maxFile, got, want)
		}
		if info, err := os.Stat(path); err != nil || info.Size() != 0 {
			t.Errorf("the new log: %v, %v", info, err)
		}
		if _, err := os.Stat(path + "." + strconv.Itoa(maxFile)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("there is one file too many: %v", err)
		}
	}
}

func TestPieces(t *testing.T) {
	j, _ := newJournal(t)
	r, w := pipe(t)
	path := filepath.Join(t.TempDir(), "log")
	l := newLogFile(&config{logPath: path, maxFile: 1})
	line := strings.Repeat("a", maxLine+10)
	for _, s := range []string{line, "\nnext\n"} {
		if _, err := w.WriteString(s); err != nil {
			t.Fatal(err)
		}
		if _, errno := j.fill(0, r, 0); errno != 0 {
			t.Fatal(errno)
		}
		l.pump(j, [2]bool{})
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
	if len(lines) != 3 {
		t.Fatalf("got %d entries, want 3", len(lines))
	}
	stamp := func(s string) string { return s[strings.Index(s, `"time"`):] }
	if stamp(lines[0]) != stamp(lines[1]) || stamp(lines[1]) == stamp(lines[2]) {
		t.Error("the pieces of a line must carry one time, and the next line another")
	}
}
