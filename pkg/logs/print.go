package logs

import (
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// TimeFormat is how Docker prefixes a line with its time.
const TimeFormat = "2006-01-02T15:04:05.000000000Z07:00"

// Printer writes entries as "docker logs" does.
type Printer struct {
	Stdout, Stderr io.Writer // nil: that stream is left out
	Timestamps     bool      // prefix each entry with its time
	Details        bool      // prefix each entry with its attributes

	buf []byte
}

// Print writes one entry. It is a callback for Read.
func (p *Printer) Print(e Entry) error {
	w := p.Stdout
	if e.Stream == "stderr" {
		w = p.Stderr
	}
	if w == nil {
		return nil
	}
	if !p.Timestamps && !p.Details {
		_, err := w.Write(e.Log)
		return err
	}
	p.buf = p.buf[:0]
	if p.Timestamps {
		p.buf = append(e.Time.UTC().AppendFormat(p.buf, TimeFormat), ' ')
	}
	if p.Details {
		p.buf = append(append(p.buf, details(e.Attrs)...), ' ')
	}
	p.buf = append(p.buf, e.Log...)
	_, err := w.Write(p.buf)
	return err
}

// details is attrs as Docker shows them: sorted, and escaped as in a URL.
func details(attrs map[string]string) string {
	var words []string
	for _, k := range slices.Sorted(maps.Keys(attrs)) {
		words = append(words, url.QueryEscape(k)+"="+url.QueryEscape(attrs[k]))
	}
	return strings.Join(words, ",")
}
