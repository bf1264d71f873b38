package monitor

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestParseDetachKeys(t *testing.T) {
	for s, want := range map[string]string{
		"ctrl-p,ctrl-q": "\x10\x11", "a": "a", "ctrl-@": "\x00", "ctrl-[,x": "\x1bx", `ctrl-\`: "\x1c", "ctrl-],ctrl-^,ctrl-_": "\x1d\x1e\x1f",
	} {
		if got, err := ParseDetachKeys(s); err != nil || string(got) != want {
			t.Errorf("%q: got %q, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "ab", "ctrl-", "ctrl-P", "ctrl-1", "a,,b", "ctrl-pq", "Ctrl-p"} {
		if got, err := ParseDetachKeys(s); err == nil {
			t.Errorf("%q: got %q, want an error", s, got)
		}
	}
}

func TestDetachReader(t *testing.T) {
	for _, test := range []struct {
		keys, in, want string
		detached       bool
	}{
		{"pq", "abc", "abc", false},
		{"pq", "abpqcd", "ab", true},
		{"pq", "abppq", "abp", true},
		{"pq", "abp", "abp", false},
		{"pq", "pxq", "pxq", false},
		{"aab", "aaab", "a", true},
		{"abab", "abaabab", "aba", true},
		{"x", "x", "", true},
		{"", "pq", "pq", false},
	} {
		for name, r := range map[string]io.Reader{"whole": strings.NewReader(test.in), "bytes": iotest.OneByteReader(strings.NewReader(test.in)), "end with data": iotest.DataErrReader(strings.NewReader(test.in))} {
			got, err := io.ReadAll(NewDetachReader(r, []byte(test.keys)))
			if string(got) != test.want || errors.Is(err, ErrDetached) != test.detached {
				t.Errorf("%q in %q, %s: got %q, %v", test.keys, test.in, name, got, err)
			}
		}
	}
}

func FuzzDetachReader(f *testing.F) {
	f.Add([]byte("aab"), []byte("xaaabx"), 2)
	f.Fuzz(func(t *testing.T, keys, in []byte, size int) {
		if len(keys) == 0 || len(keys) > 100 {
			return
		}
		r := NewDetachReader(bytes.NewReader(in), keys)
		buf := make([]byte, max(1, min(size, 100)))
		var got []byte
		var err error
		for err == nil {
			var n int
			n, err = r.Read(buf)
			got = append(got, buf[:n]...)
		}
		want, _, found := bytes.Cut(in, keys)
		if found != errors.Is(err, ErrDetached) || !bytes.Equal(got, want) {
			t.Fatalf("%q in %q: got %q, %v", keys, in, got, err)
		}
	})
}

func FuzzParseDetachKeys(f *testing.F) {
	f.Add("ctrl-p,ctrl-q")
	f.Fuzz(func(t *testing.T, s string) {
		keys, err := ParseDetachKeys(s)
		if err == nil && len(keys) != strings.Count(s, ",")+1 {
			t.Fatalf("%q: got %q", s, keys)
		}
	})
}
