package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nerd-cli/nerd/pkg/state"
)

func logLayout(t *testing.T, text string) state.Layout {
	t.Helper()
	l := testLayout(t, t.TempDir(), "", "")
	if err := state.WriteFile(containerd(l).logFile, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLogsTail(t *testing.T) {
	var long strings.Builder
	for i := range 20000 {
		fmt.Fprintf(&long, "line %d\n", i)
	}
	tests := []struct {
		text string
		tail int
		want string
	}{
		{"a\nb\nc\n", -1, "a\nb\nc\n"},
		{"a\nb\nc\n", 0, ""},
		{"a\nb\nc\n", 2, "b\nc\n"},
		{"a\nb\nc", 2, "b\nc"},
		{"a\nb\nc\n", 9, "a\nb\nc\n"},
		{"\n\n\n", 2, "\n\n"},
		{"", 3, ""},
		{long.String(), 1, "line 19999\n"},
		{long.String(), 19999, long.String()[len("line 0\n"):]},
		{long.String(), 20000, long.String()},
	}
	for _, tt := range tests {
		var out bytes.Buffer
		if err := Logs(t.Context(), logLayout(t, tt.text), &out, LogOptions{Tail: tt.tail}); err != nil {
			t.Fatal(err)
		}
		if out.String() != tt.want {
			t.Errorf("tail %d of %.20q... is %.40q..., want %.40q...", tt.tail, tt.text, out.String(), tt.want)
		}
	}
}

func TestLogsNone(t *testing.T) {
	err := Logs(t.Context(), testLayout(t, t.TempDir(), "", ""), &bytes.Buffer{}, LogOptions{Tail: -1})
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "never started") {
		t.Errorf("error %v", err)
	}
}

// buffer is a bytes.Buffer for a writer and a reader at a time.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func TestLogsFollowRotation(t *testing.T) {
	l := logLayout(t, "one\n")
	path := containerd(l).logFile
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out buffer
	done := make(chan error, 1)
	go func() { done <- Logs(ctx, l, &out, LogOptions{Follow: true, Tail: -1}) }()
	expect := func(want string) {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); out.String() != want; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("followed %q, want %q", out.String(), want)
			}
		}
	}
	expect("one\n")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("two\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	expect("one\ntwo\n")
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestOpenLogRotates(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ size, from int64 }{{maxLog, maxLog}, {maxLog + 1, 0}} {
		if err := os.Truncate(path, tt.size); err != nil {
			t.Fatal(err)
		}
		f, from, err := openLog(path)
		if err != nil || from != tt.from {
			t.Errorf("size %d: continues at %d, %v, want %d", tt.size, from, err, tt.from)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	if info, err := os.Stat(path + ".1"); err != nil || info.Size() != maxLog+1 {
		t.Errorf("the old log: %v, %v", info, err)
	}
}

func TestLastError(t *testing.T) {
	tests := []struct{ name, log, want string }{
		{"nothing", "", "it logged nothing"},
		{"only ours", `time="x" level=info msg="nerd starts containerd"`, "it logged nothing"},
		{"fatal before info", "time=\"x\" level=error msg=\"no root\" error=\"read only\"\ntime=\"x\" level=info msg=bye\n", "no root: read only"},
		{"the program's own line", "level=info msg=a\ncontainerd: mkdir /x: permission denied\n", "mkdir /x: permission denied"},
		{"no error", "level=warning msg=first\nlevel=warning msg=\"the last\"\n", "the last"},
		{"plain text", "Segmentation fault\n", "Segmentation fault"},
		{"panic", "panic: oh no\n\ngoroutine 1 [running]:\n", "oh no"},
	}
	for _, tt := range tests {
		path := filepath.Join(t.TempDir(), "log")
		if err := os.WriteFile(path, []byte("level=fatal msg=old\n"+tt.log), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := lastError(path, int64(len("level=fatal msg=old\n"))); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func FuzzLogField(f *testing.F) {
	f.Add(`time="a b" level=info msg="x \"y\" z" error=none`, "msg")
	f.Add(`a="unterminated`, "a")
	f.Fuzz(func(_ *testing.T, line, key string) {
		logField(line, key) // must end, without a panic
	})
}
