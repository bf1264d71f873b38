// Package deferred describes a layer's tar by the files that it was made of, which
// stay where they are: headers and padding are kept as they are, of contents only
// the name. From that the tar can be made at any later time, to the byte.
//
// A builder that keeps a recipe in place of a layer writes a few kilobytes where
// it would have written all files a second time. Whoever reads the layer gets it
// made then: few layers are ever read, as what is built here is run here.
package deferred

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
)

// maxPart bounds what a recipe may have in one piece; padding is a few blocks and
// a header a few kilobytes, unless a file has very large attributes.
const maxPart = 16 << 20

// Recorder reads a tar as it is written and keeps its recipe.
type Recorder struct {
	in     *stream
	done   chan struct{}
	out    bytes.Buffer
	err    error
	failed atomic.Bool
}

// NewRecorder makes a Recorder. Finish has to be called.
func NewRecorder() *Recorder {
	rec := &Recorder{in: newStream(), done: make(chan struct{})}
	go func() {
		defer close(rec.done)
		rec.err = rec.read(rec.in)
		rec.failed.Store(rec.err != nil)
		_, _ = io.Copy(io.Discard, rec.in) // the writer does not care
	}()
	return rec
}

// Write takes the next bytes of the tar. It never fails: what is no tar has no
// recipe, as Finish tells.
func (r *Recorder) Write(p []byte) (int, error) { return r.in.Write(p) }

// Failed tells whether it is known by now that there will be no recipe. What is
// begun as a tar remains one: nobody makes half of one.
func (r *Recorder) Failed() bool { return r.failed.Load() }

// Finish ends the tar and gives its recipe.
func (r *Recorder) Finish() ([]byte, error) {
	r.in.end()
	<-r.done
	if r.err != nil {
		return nil, r.err
	}
	return r.out.Bytes(), nil
}

// read goes through the tar. Its reader seeks over all of a file's contents but
// the last byte, which is kept as it is.
func (r *Recorder) read(from *stream) error {
	z := gzip.NewWriter(&r.out)
	tr := tar.NewReader(from)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if h.Typeflag != tar.TypeReg || h.Size < 2 {
			continue // what it has beside the header is kept, too
		}
		if err := put(z, from.kept.Bytes(), h.Name, h.Size-1); err != nil {
			return err
		}
		from.kept.Reset()
	}
	if _, err := io.Copy(io.Discard, from); err != nil {
		return err
	}
	return errors.Join(put(z, from.kept.Bytes(), "", 0), z.Close())
}

// put writes one part: bytes as they are, and the file that follows.
func put(w io.Writer, raw []byte, name string, size int64) error {
	if len(raw) > maxPart {
		return fmt.Errorf("a part of %d bytes is too long", len(raw))
	}
	var b []byte
	b = binary.AppendUvarint(b, uint64(len(raw)))
	b = append(b, raw...)
	b = binary.AppendUvarint(b, uint64(len(name)))
	b = append(b, name...)
	b = binary.AppendUvarint(b, uint64(size))
	_, err := w.Write(b)
	return err
}

// Restore writes the tar that a recipe describes, with the files below root.
func Restore(w io.Writer, recipe io.Reader, root *os.Root) error {
	z, err := gzip.NewReader(recipe)
	if err != nil {
		return err
	}
	r := reader{z, make([]byte, 1)}
	for {
		raw, err := r.bytes()
		if err != nil {
			return err
		}
		if _, err := w.Write(raw); err != nil {
			return err
		}
		name, err := r.bytes()
		if err != nil {
			return err
		}
		size, err := binary.ReadUvarint(r)
		if err != nil {
			return err
		}
		if len(name) == 0 {
			return nil
		}
		if err := copyFile(w, root, string(name), int64(size)); err != nil {
			return err
		}
	}
}

func copyFile(w io.Writer, root *os.Root, name string, size int64) error {
	f, err := root.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	n, err := io.Copy(w, io.LimitReader(f, size))
	if err == nil && n != size {
		err = fmt.Errorf("%s has %d bytes, not %d: %w", name, n, size, io.ErrUnexpectedEOF)
	}
	return err
}

type reader struct {
	io.Reader
	one []byte
}

func (r reader) ReadByte() (byte, error) {
	_, err := io.ReadFull(r.Reader, r.one)
	return r.one[0], err
}

func (r reader) bytes() ([]byte, error) {
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return nil, err
	}
	if n > maxPart {
		return nil, fmt.Errorf("a part of %d bytes is too long", n)
	}
	p := make([]byte, n)
	_, err = io.ReadFull(r.Reader, p)
	return p, err
}
