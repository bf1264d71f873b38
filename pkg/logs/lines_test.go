package logs

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestDecodeLine(t *testing.T) {
	at := time.Date(2016, 10, 6, 0, 17, 9, 669794202, time.UTC)
	for _, c := range []struct {
		line, text string // text "": no entry
	}{
		{"2016-10-06T00:17:09.669794202Z stdout F hello world\n", "hello world\n"},
		{"2016-10-06T00:17:09.669794202Z stderr P piece\n", "piece"},
		{"2016-10-06T00:17:09.669794202Z stdout F \n", "\n"},
		{"2016-10-06T00:17:09.669794202Z stdout F\n", "\n"},
		{"2016-10-06T00:17:09.669794202Z stdout F:more tags\n", "tags\n"},
		{"2016-10-06T02:17:09.669794202+02:00 stdout F zone\n", "zone\n"},
		{"2016-10-06T00:17:09.669794202Z stdout F \xff\x00 bytes\r\n", "\xff\x00 bytes\r\n"},
		{"2016-10-06T00:17:09.669794202Z stdout X text\n", ""},
		{"2016-10-06T00:17:09.669794202Z stdin F text\n", ""},
		{"2016-10-06T00:17:09.669794202Z stdout\n", ""},
		{"2016-10-06T00:17:09.669794202Z\n", ""},
		{"yesterday stdout F text\n", ""},
		{"\n", ""},
		{"", ""},
	} {
		d := decoder{lines: true}
		e, err := d.decode([]byte(c.line))
		if c.text == "" {
			if err == nil {
				t.Errorf("%q was taken: %+v", c.line, e)
			}
			continue
		}
		if err != nil || string(e.Log) != c.text || !e.Time.Equal(at) {
			t.Errorf("%q: %q at %s, %v", c.line, e.Log, e.Time, err)
		}
	}
}

// What a line says is neither lost nor added to, whatever the bytes.
func FuzzDecodeLine(f *testing.F) {
	f.Add([]byte("2016-10-06T00:17:09.669794202Z stdout F hello"))
	f.Add([]byte("2016-10-06T00:17:09Z stderr P:x "))
	f.Add([]byte("2016-10-06T00:17:09+24:00 stderr F"))
	f.Fuzz(func(t *testing.T, line []byte) {
		d := decoder{lines: true}
		e, err := d.decode(line)
		if err != nil {
			return
		}
		if e.Stream != "stdout" && e.Stream != "stderr" || e.Attrs != nil {
			t.Fatalf("%q: %+v", line, e)
		}
		text := bytes.TrimSuffix(e.Log, []byte("\n"))
		if !bytes.HasSuffix(bytes.TrimSuffix(line, []byte("\n")), text) {
			t.Fatalf("%q became %q", line, e.Log)
		}
		again := fmt.Appendf(nil, "%s %s F %s\n", e.Time.UTC().Format(time.RFC3339Nano), e.Stream, text)
		if e.Time.Year() < 0 || e.Time.UTC().Year() > 9999 || e.Time.UTC().Year() < 0 || bytes.HasSuffix(e.Log, []byte("\n")) != (len(text) < len(e.Log)) {
			return
		}
		same, err := d.decode(again)
		if err != nil || !same.Time.Equal(e.Time) {
			t.Fatalf("%q: %v", again, err)
		}
	})
}

// A log in lines, with a line in pieces, rotated by a kubelet and cut off by a crash.
func TestReadLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "3.log")
	write(t, path+".20260101-000000", "2026-01-01T00:00:00Z stdout F old\n")
	pack(t, path+".20260101-000000")
	write(t, path+".20260102-000000", "2026-01-02T00:00:00Z stdout F older\n2026-01-02T00:00:01Z stdout P a long \n")
	write(t, path, "2026-01-02T00:00:01Z stdout F line\n2026-01-03T00:00:00Z stderr F err\n2026-01-0")
	for _, c := range []struct {
		opts Options
		want string
	}{
		{Options{Tail: -1}, "old\nolder\na long line\nerr\n"},
		{Options{Tail: 2}, "line\nerr\n"},
		{Options{Tail: 5}, "old\nolder\na long line\nerr\n"},
		{Options{Tail: -1, Since: time.Date(2026, 1, 2, 0, 0, 1, 0, time.UTC)}, "a long line\nerr\n"},
		{Options{Tail: -1, Until: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)}, "old\nolder\n"},
	} {
		var b strings.Builder
		c.opts.Lines = true
		c.opts.Emit = func(e Entry) error { b.Write(e.Log); return nil }
		if err := Read(t.Context(), path, c.opts, nil); err != nil {
			t.Error(err)
		}
		if b.String() != c.want {
			t.Errorf("%+v: %q, want %q", c.opts, b.String(), c.want)
		}
	}
}
