package main

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// What Docker 26.1 wrote for these bytes.
func TestEscapesAsDocker(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"a\tb\x01\x7f<>&\"\\ \r\n", `a\u0009b\u0001` + "\x7f" + `\u003c\u003e\u0026\"\\ \r\n`},
		{"bad\xff\u2028x\U0001f600\n", `bad\ufffd\u2028x` + "\U0001f600" + `\n`},
		{"\u00a9split\n", "\u00a9" + `split\n`},
		{"\xe2\x80", `\ufffd\ufffd`},
		{"\ufffd", "\ufffd"},
		{"", ""},
	} {
		if got := string(appendEscaped(nil, []byte(test.in))); got != test.want {
			t.Errorf("%q: got %s, want %s", test.in, got, test.want)
		}
	}
}

func FuzzEscape(f *testing.F) {
	f.Add([]byte("a\xff\u2028<\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		out := appendEscaped([]byte{'"'}, in)
		if len(out) > 1+growth*len(in) {
			t.Fatalf("%q grew from %d to %d bytes", in, len(in), len(out))
		}
		var s string
		if err := json.Unmarshal(append(out, '"'), &s); err != nil {
			t.Fatalf("%q: %s: %v", in, out, err)
		}
		if want := string([]rune(string(in))); s != want {
			t.Fatalf("got %q, want %q", s, want)
		}
	})
}

func TestCutLine(t *testing.T) {
	long := strings.Repeat("x", maxLine)
	for _, test := range []struct {
		name, in string
		final    bool
		n        int
		whole    bool
	}{
		{"nothing", "", false, 0, false},
		{"no end yet", "abc", false, 0, false},
		{"no end any more", "abc", true, 3, false},
		{"a line", "abc\ndef", false, 4, true},
		{"an empty line", "\n", false, 1, true},
		{"the longest line", long[1:] + "\n", false, maxLine, true},
		{"a piece", long + "\n", false, maxLine, false},
		{"a piece that would end in a character", long[1:] + "\u00a9", false, maxLine - 1, false},
		{"in one of four bytes", long[3:] + "\U0001f600", false, maxLine - 3, false},
		{"a piece that ends with a character", long[2:] + "\u00a9y", false, maxLine, false},
		{"garbage", long[1:] + "\x80\x80", false, maxLine, false},
	} {
		if n, whole := cutLine([]byte(test.in), test.final); n != test.n || whole != test.whole {
			t.Errorf("%s: got %d, %v, want %d, %v", test.name, n, whole, test.n, test.whole)
		}
	}
}

func FuzzCutLine(f *testing.F) {
	f.Add([]byte(strings.Repeat("\u00a9", maxLine)), 3)
	f.Fuzz(func(t *testing.T, in []byte, fill int) {
		in = append(bytes.Repeat([]byte("z"), max(0, min(fill, 2*maxLine))), in...)
		var joined []byte
		for rest := in; len(rest) > 0; {
			n, whole := cutLine(rest, true)
			if n <= 0 || n > maxLine || whole != (rest[n-1] == '\n') {
				t.Fatalf("cut %d bytes, whole %v", n, whole)
			}
			joined = append(joined, appendEscaped(nil, rest[:n])...)
			rest = rest[n:]
		}
		if utf8.Valid(in) && !bytes.Equal(joined, appendEscaped(nil, in)) {
			t.Fatal("cutting has damaged a character")
		}
	})
}

func TestAppendTime(t *testing.T) {
	times := []time.Time{
		time.Unix(0, 0), time.Unix(0, 1), time.Unix(-1, 999999999), time.Unix(1, 120000000),
		time.Date(2000, 2, 29, 23, 59, 59, 999999999, time.UTC), time.Date(2100, 3, 1, 0, 0, 0, 0, time.UTC),
		time.Date(1969, 12, 31, 0, 0, 0, 0, time.UTC), time.Date(2026, 12, 31, 23, 0, 0, 500, time.UTC),
	}
	for range 10_000 {
		times = append(times, time.Unix(rand.Int64N(9e9), rand.Int64N(1e9)))
	}
	for _, tm := range times {
		if got, want := string(appendTime(nil, tm.UnixNano())), tm.UTC().Format(time.RFC3339Nano); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestTail(t *testing.T) {
	got := string(appendTail(nil, 1, "", 1e9))
	if want := `","stream":"stderr","time":"1970-01-01T00:00:01Z"}` + "\n"; got != want {
		t.Errorf("got %s", got)
	}
	got = string(appendTail(nil, 0, `{"a":"b"}`, 0))
	if want := `","stream":"stdout","attrs":{"a":"b"},"time":"1970-01-01T00:00:00Z"}` + "\n"; got != want {
		t.Errorf("got %s", got)
	}
}
