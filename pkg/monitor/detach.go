package monitor

import (
	"fmt"
	"io"
	"strings"
)

// DefaultDetachKeys is Docker's default.
const DefaultDetachKeys = "ctrl-p,ctrl-q"

// ParseDetachKeys reads Docker's notation of a key sequence: keys separated by
// commas, each a single character or ctrl- with one of a-z @ [ \ ] ^ _.
func ParseDetachKeys(s string) ([]byte, error) {
	var keys []byte
	for key := range strings.SplitSeq(s, ",") {
		name, ctrl := strings.CutPrefix(key, "ctrl-")
		switch {
		case len(key) == 1:
			keys = append(keys, key[0])
		case ctrl && len(name) == 1 && name[0] >= 'a' && name[0] <= 'z':
			keys = append(keys, name[0]-'a'+1)
		case ctrl && len(name) == 1 && strings.Contains(`@[\]^_`, name):
			keys = append(keys, name[0]-'@')
		default:
			return nil, fmt.Errorf("invalid detach keys %q: %q is neither one character nor ctrl- and one of a-z, @, [, \\, ], ^, _", s, key)
		}
	}
	return keys, nil
}

// detachReader passes on what it reads and ends with ErrDetached when the keys
// come in a row. Keys that may begin the sequence are held back until it is
// clear that they do not.
type detachReader struct {
	r     io.Reader
	keys  []byte
	held  int    // keys[:held] have been read and not passed on
	ready []byte // to be passed on
	buf   []byte
	err   error
}

// NewDetachReader watches r for keys. Without keys it is r.
func NewDetachReader(r io.Reader, keys []byte) io.Reader {
	if len(keys) == 0 {
		return r
	}
	return &detachReader{r: r, keys: keys}
}

func (d *detachReader) Read(p []byte) (int, error) {
	for len(d.ready) == 0 {
		if d.err != nil {
			return 0, d.err
		}
		if len(p) == 0 {
			return 0, nil
		}
		if cap(d.buf) < len(p) {
			d.buf = make([]byte, len(p))
		}
		n, err := d.r.Read(d.buf[:len(p)])
		d.scan(d.buf[:n])
		if d.err == nil && err != nil {
			d.ready = append(d.ready, d.keys[:d.held]...)
			d.held, d.err = 0, err
		}
	}
	n := copy(p, d.ready)
	d.ready = d.ready[n:]
	return n, nil
}

// scan sorts what has been read into passed on, held back, and the end.
func (d *detachReader) scan(b []byte) {
	d.ready = d.ready[:0]
	for _, c := range b {
		for d.held > 0 && c != d.keys[d.held] {
			d.mismatch()
		}
		if c != d.keys[d.held] {
			d.ready = append(d.ready, c)
			continue
		}
		d.held++
		if d.held == len(d.keys) {
			d.err = ErrDetached
			return
		}
	}
}

// mismatch passes on as few of the held keys as possible: the rest must still
// begin the sequence.
func (d *detachReader) mismatch() {
	for n := 1; n <= d.held; n++ {
		if string(d.keys[n:d.held]) == string(d.keys[:d.held-n]) {
			d.ready = append(d.ready, d.keys[:n]...)
			d.held -= n
			return
		}
	}
}
