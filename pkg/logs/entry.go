// Package logs reads containers' logs with their rotated and compressed
// predecessors: what nerd-monitor writes, in Docker's json-file format or in lines,
// and what a kubelet's runtime writes.
package logs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"
)

// Entry is one entry of a log: a line with its newline, or a piece of a line
// that is longer than 16 KiB or that the container has not ended.
type Entry struct {
	Stream string // "stdout" or "stderr"
	Time   time.Time
	Log    []byte // valid until the callback returns
	Attrs  map[string]string
}

// decoder turns lines of a log file into entries. It keeps the memory of the
// last entry for the next.
type decoder struct {
	buf   []byte
	lines bool // the log is not JSON
}

const (
	logKey    = `{"log":"`
	streamKey = `,"stream":"`
	timeKey   = `","time":"`
)

// decode reads one line. What nerd-monitor and Docker usually write takes a fast
// path; anything else that is an entry goes through encoding/json.
func (d *decoder) decode(line []byte) (Entry, error) {
	if d.lines {
		return d.decodeLine(line)
	}
	line = bytes.TrimSuffix(line, []byte("\n"))
	if e, ok := d.fast(line); ok {
		return e, nil
	}
	var raw struct {
		Log    *string           `json:"log"`
		Stream string            `json:"stream"`
		Time   time.Time         `json:"time"`
		Attrs  map[string]string `json:"attrs"`
	}
	if err := json.Unmarshal(line, &raw); err != nil {
		return Entry{}, err
	}
	if raw.Log == nil {
		return Entry{}, fmt.Errorf("no log entry: %.60q", line)
	}
	return Entry{Stream: raw.Stream, Time: raw.Time, Log: []byte(*raw.Log), Attrs: raw.Attrs}, nil
}

// fast reads a line of exactly the usual shape.
func (d *decoder) fast(line []byte) (Entry, bool) {
	rest, ok := bytes.CutPrefix(line, []byte(logKey))
	if !ok {
		return Entry{}, false
	}
	text, rest, ok := d.text(rest)
	if !ok {
		return Entry{}, false
	}
	if rest, ok = bytes.CutPrefix(rest, []byte(streamKey)); !ok {
		return Entry{}, false
	}
	e := Entry{Log: text}
	switch {
	case bytes.HasPrefix(rest, []byte("stdout")):
		e.Stream = "stdout"
	case bytes.HasPrefix(rest, []byte("stderr")):
		e.Stream = "stderr"
	default:
		return Entry{}, false
	}
	if rest, ok = bytes.CutPrefix(rest[len("stdout"):], []byte(timeKey)); !ok {
		return Entry{}, false
	}
	if rest, ok = bytes.CutSuffix(rest, []byte(`"}`)); !ok {
		return Entry{}, false
	}
	e.Time, ok = parseTime(rest)
	return e, ok
}

// text unquotes a JSON string up to its closing quote.
func (d *decoder) text(s []byte) (text, rest []byte, ok bool) {
	out := d.buf[:0]
	for {
		i := 0
		for i < len(s) && s[i] != '"' && s[i] != '\\' && s[i] >= ' ' {
			i++
		}
		if i == len(s) || s[i] < ' ' {
			return nil, nil, false
		}
		out = append(out, s[:i]...)
		if s[i] == '"' {
			d.buf = out
			return out, s[i+1:], utf8.Valid(out)
		}
		var size int
		if out, size = unescape(out, s[i:]); size == 0 {
			return nil, nil, false
		}
		s = s[i+size:]
	}
}

// unescape appends what the escape at the head of s stands for and returns the
// escape's length, or 0 if it is an unusual one.
func unescape(out, s []byte) ([]byte, int) {
	if len(s) < 2 {
		return out, 0
	}
	switch s[1] {
	case 'n':
		return append(out, '\n'), 2
	case 'r':
		return append(out, '\r'), 2
	case 't':
		return append(out, '\t'), 2
	case '"', '\\', '/':
		return append(out, s[1]), 2
	case 'u':
	default:
		return out, 0
	}
	if len(s) < 6 {
		return out, 0
	}
	r := rune(0)
	for _, c := range s[2:6] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		default:
			return out, 0
		}
	}
	if r >= 0xd800 && r < 0xe000 { // half of a pair
		return out, 0
	}
	return utf8.AppendRune(out, r), 6
}

// parseTime reads the RFC 3339 times in UTC that a log holds.
func parseTime(s []byte) (time.Time, bool) {
	const shape = "0000-00-00T00:00:00"
	if len(s) < len(shape)+1 || s[len(s)-1] != 'Z' {
		return time.Time{}, false
	}
	for i := range shape {
		digit := s[i] >= '0' && s[i] <= '9'
		if digit != (shape[i] == '0') || !digit && s[i] != shape[i] {
			return time.Time{}, false
		}
	}
	two := func(i int) int { return int(s[i]-'0')*10 + int(s[i+1]-'0') }
	nsec, ok := parseFraction(s[len(shape) : len(s)-1])
	year, month, day := two(0)*100+two(2), two(5), two(8)
	if !ok || month < 1 || month > 12 || day < 1 || day > 28 && day > daysIn(year, month) || two(11) > 23 || two(14) > 59 || two(17) > 59 {
		return time.Time{}, false
	}
	return time.Date(year, time.Month(month), day, two(11), two(14), two(17), nsec, time.UTC), true
}

func daysIn(year, month int) int {
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// parseFraction reads "" or "." and one to nine digits, as nanoseconds.
func parseFraction(s []byte) (int, bool) {
	if len(s) == 0 {
		return 0, true
	}
	if s[0] != '.' || len(s) < 2 || len(s) > 10 {
		return 0, false
	}
	n := 0
	for i := 1; i < 10; i++ {
		n *= 10
		if i < len(s) {
			if s[i] < '0' || s[i] > '9' {
				return 0, false
			}
			n += int(s[i] - '0')
		}
	}
	return n, true
}
