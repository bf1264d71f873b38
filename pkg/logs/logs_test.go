package logs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC)

// line is a log line of the entry number i, i seconds after start.
func line(i int) string {
	stream := "stdout"
	if i%3 == 0 {
		stream = "stderr"
	}
	return fmt.Sprintf("{\"log\":\"%d\\n\",\"stream\":%q,\"time\":%q}\n", i, stream, start.Add(time.Duration(i)*time.Second).Format(time.RFC3339Nano))
}

func lines(from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		b.WriteString(line(i))
	}
	return b.String()
}

func write(t *testing.T, path, content string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(content); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// collect reads and returns the numbers of the entries.
func collect(t *testing.T, path string, opts Options, done <-chan struct{}) ([]int, error) {
	t.Helper()
	var got []int
	opts.Emit = func(e Entry) error {
		n, err := strconv.Atoi(strings.TrimSpace(string(e.Log)))
		got = append(got, n)
		return err
	}
	err := Read(t.Context(), path, opts, done)
	return got, err
}

func expect(t *testing.T, got []int, from, to int) {
	t.Helper()
	if len(got) != to-from {
		t.Fatalf("got %d entries, want %d to %d", len(got), from, to)
	}
	for i, n := range got {
		if n != from+i {
			t.Fatalf("entry %d is %d, want %d", i, n, from+i)
		}
	}
}

// rotated makes a log of 30 entries in three files.
func rotated(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x-json.log")
	write(t, path+".2", lines(0, 10))
	write(t, path+".1", lines(10, 20))
	write(t, path, lines(20, 30))
	return path
}

func TestReadChooses(t *testing.T) {
	at := func(i int) time.Time { return start.Add(time.Duration(i) * time.Second) }
	for _, test := range []struct {
		name     string
		opts     Options
		from, to int
	}{
		{"all", Options{Tail: -1}, 0, 30},
		{"none", Options{Tail: 0}, 30, 30},
		{"one", Options{Tail: 1}, 29, 30},
		{"the current file", Options{Tail: 10}, 20, 30},
		{"into a rotated file", Options{Tail: 11}, 19, 30},
		{"into the oldest file", Options{Tail: 29}, 1, 30},
		{"exactly all", Options{Tail: 30}, 0, 30},
		{"more than there are", Options{Tail: 1000}, 0, 30},
		{"since", Options{Tail: -1, Since: at(12)}, 12, 30},
		{"until", Options{Tail: -1, Until: at(12)}, 0, 13},
		{"since and until", Options{Tail: -1, Since: at(5), Until: at(25)}, 5, 26},
		{"since within tail", Options{Tail: 15, Since: at(5)}, 15, 30},
		{"follow until a past time", Options{Tail: -1, Until: at(25), Follow: true}, 0, 26},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := collect(t, rotated(t), test.opts, nil)
			if err != nil {
				t.Fatal(err)
			}
			expect(t, got, test.from, test.to)
		})
	}
}

func TestTailOfLongLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	long := strings.Repeat("x", 3*blockSize+7)
	for i := range 5 {
		b, err := json.Marshal(map[string]string{"log": strconv.Itoa(i) + long, "stream": "stdout", "time": start.Format(time.RFC3339Nano)})
		if err != nil {
			t.Fatal(err)
		}
		write(t, path, string(b)+"\n")
	}
	for tail := range 7 {
		n := 0
		err := Read(t.Context(), path, Options{Tail: tail, Emit: func(e Entry) error {
			n++
			if len(e.Log) != len(long)+1 {
				return fmt.Errorf("an entry has %d bytes", len(e.Log))
			}
			return nil
		}}, nil)
		if err != nil || n != min(tail, 5) {
			t.Errorf("tail %d: %d entries, error %v", tail, n, err)
		}
	}
}

func TestReadWithoutLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	if _, err := collect(t, path, Options{Tail: -1}, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	done := make(chan struct{})
	go func() {
		time.Sleep(20 * time.Millisecond)
		if err := os.WriteFile(path, []byte(lines(0, 3)), 0o600); err != nil {
			t.Error(err)
		}
		close(done)
	}()
	got, err := collect(t, path, Options{Tail: -1, Follow: true}, done)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, got, 0, 3)
}

func TestDamagedLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	write(t, path, lines(0, 2)+"\x00\x00\n"+lines(2, 4)+`{"log":"4\n","stre`)
	got, err := collect(t, path, Options{Tail: -1}, nil)
	if err == nil || !strings.Contains(err.Error(), "1 entries") {
		t.Errorf("got %v", err)
	}
	expect(t, got, 0, 4)
}

func TestLastEntryWithoutNewline(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	write(t, path, strings.TrimSuffix(lines(0, 4), "\n"))
	got, err := collect(t, path, Options{Tail: -1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, got, 0, 4)
}

// TestFollowRotations follows a log that is written in pieces that end anywhere,
// and rotated every few entries.
func TestFollowRotations(t *testing.T) {
	const total, perFile, files = 4000, 50, 100
	path := filepath.Join(t.TempDir(), "log")
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range total {
			s := line(i)
			write(t, path, s[:i%len(s)])
			write(t, path, s[i%len(s):])
			if i%perFile == perFile-1 {
				for n := files; n > 0; n-- {
					from := path
					if n > 1 {
						from += "." + strconv.Itoa(n-1)
					}
					if err := os.Rename(from, path+"."+strconv.Itoa(n)); err != nil && !errors.Is(err, fs.ErrNotExist) {
						t.Error(err)
					}
				}
			}
		}
	}()
	got, err := collect(t, path, Options{Tail: -1, Follow: true}, done)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, got, 0, total)
}

func TestFollowTruncated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	write(t, path, lines(0, 5))
	done := make(chan struct{})
	var got []int
	err := Read(t.Context(), path, Options{Tail: -1, Follow: true, Emit: func(e Entry) error {
		n, err := strconv.Atoi(strings.TrimSpace(string(e.Log)))
		got = append(got, n)
		if n == 4 {
			if err := os.Truncate(path, 0); err != nil {
				return err
			}
			go func() {
				time.Sleep(20 * time.Millisecond)
				if err := os.WriteFile(path, []byte(lines(5, 7)), 0o600); err != nil {
					t.Error(err)
				}
				close(done)
			}()
		}
		return err
	}}, done)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, got, 0, 7)
}

func TestFollowEndsWithContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	write(t, path, lines(0, 5))
	ctx, cancel := context.WithCancel(t.Context())
	err := Read(ctx, path, Options{Tail: -1, Follow: true, Emit: func(Entry) error {
		cancel()
		return nil
	}}, nil)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestPrinter(t *testing.T) {
	e := Entry{Stream: "stdout", Log: []byte("hi\n"), Time: start, Attrs: map[string]string{"b": "2 3", "a": "1"}}
	for _, test := range []struct {
		p    Printer
		want string
	}{
		{Printer{}, "hi\n"},
		{Printer{Timestamps: true}, "2026-01-02T03:04:05.000000600Z hi\n"},
		{Printer{Details: true}, "a=1,b=2+3 hi\n"},
		{Printer{Details: true, Timestamps: true}, "2026-01-02T03:04:05.000000600Z a=1,b=2+3 hi\n"},
	} {
		var b strings.Builder
		test.p.Stdout = &b
		if err := test.p.Print(e); err != nil || b.String() != test.want {
			t.Errorf("got %q and %v, want %q", b.String(), err, test.want)
		}
	}
	p := Printer{}
	if err := p.Print(e); err != nil {
		t.Error(err)
	}
}

func TestTailOfLargeLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	block := lines(0, 10_000)
	for range 20 {
		write(t, path, block)
	}
	begin := time.Now()
	got, err := collect(t, path, Options{Tail: 10}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the last 10 entries of %d took %v", 20*10_000, time.Since(begin))
	expect(t, got, 9990, 10_000)
}
