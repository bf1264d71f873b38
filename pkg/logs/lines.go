package logs

import (
	"bytes"
	"fmt"
	"time"
)

// decodeLine reads a line as nerd's driver local and a kubelet's runtime write it:
//
//	2016-10-06T00:17:09.669794202Z stdout F text
//
// After the time and the stream follow tags with colons between them. The first is
// F if the text ends with a newline, or P if the line goes on in the next entry.
func (d *decoder) decodeLine(line []byte) (Entry, error) {
	text := bytes.TrimSuffix(line, []byte("\n"))
	stamp, rest, ok := bytes.Cut(text, []byte{' '})
	at, err := lineTime(stamp)
	if !ok || err != nil {
		return Entry{}, fmt.Errorf("no log entry: %.60q", line)
	}
	stream, rest, ok := bytes.Cut(rest, []byte{' '})
	e := Entry{Time: at, Stream: string(stream)}
	if !ok || e.Stream != "stdout" && e.Stream != "stderr" {
		return Entry{}, fmt.Errorf("no log entry: %.60q", line)
	}
	tags, rest, ok := bytes.Cut(rest, []byte{' '})
	if !ok && len(tags) == 0 {
		return Entry{}, fmt.Errorf("no log entry: %.60q", line)
	}
	tag, _, _ := bytes.Cut(tags, []byte{':'})
	d.buf = append(d.buf[:0], rest...)
	switch string(tag) {
	case "F":
		d.buf = append(d.buf, '\n')
	case "P":
	default:
		return Entry{}, fmt.Errorf("no log entry: %.60q", line)
	}
	e.Log = d.buf
	return e, nil
}

// lineTime reads a time; a runtime may write it with its own zone.
func lineTime(s []byte) (time.Time, error) {
	if t, ok := parseTime(s); ok {
		return t, nil
	}
	return time.Parse(time.RFC3339Nano, string(s))
}
