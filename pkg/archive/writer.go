package archive

import (
	"archive/tar"
	"bufio"
	"bytes"
	"io"
	"os"
	"time"
)

const (
	blockSize = 512
	// directSize is from when on a file is worth a system call of its own.
	directSize = 256 << 10
)

// Writer is a Sink that writes a tar. Times are cut to seconds, as Docker does:
// fractions would cost each file a second header.
type Writer struct {
	out    io.Writer
	file   *os.File // out, where data can go straight from file to file
	buf    *bufio.Writer
	header bytes.Buffer
}

// NewWriter makes a Writer. Close completes the archive, and leaves w open.
func NewWriter(w io.Writer) *Writer {
	file, _ := w.(*os.File)
	return &Writer{out: w, file: file, buf: bufio.NewWriterSize(w, directSize)}
}

// Put writes one file.
func (w *Writer) Put(h *tar.Header, content io.Reader) error {
	entry := *h
	entry.ModTime = h.ModTime.Truncate(time.Second)
	entry.AccessTime, entry.ChangeTime = time.Time{}, time.Time{}
	w.header.Reset()
	if err := tar.NewWriter(&w.header).WriteHeader(&entry); err != nil {
		return refused(h.Name, "%v", err)
	}
	if _, err := w.buf.Write(w.header.Bytes()); err != nil {
		return err
	}
	if content == nil || h.Size == 0 {
		return nil
	}
	if err := w.content(content, h.Size); err != nil {
		return err
	}
	_, err := w.buf.Write(zeros[:padding(h.Size)])
	return err
}

func (w *Writer) content(content io.Reader, size int64) error {
	r, ok := content.(*fileReader)
	if ok && w.file != nil && size >= directSize {
		if err := w.buf.Flush(); err != nil {
			return err
		}
		done, err := r.transfer(w.file, size)
		r.left -= done
		if err != nil {
			return err
		}
		size -= done // what the file has lost meanwhile is given as zeros below
	}
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	for size > 0 {
		n, err := io.ReadFull(content, (*buf)[:min(size, bufferSize)])
		if err != nil {
			return err
		}
		if _, err := w.buf.Write((*buf)[:n]); err != nil {
			return err
		}
		size -= int64(n)
	}
	return nil
}

// Close writes the end of the archive.
func (w *Writer) Close() error {
	if _, err := w.buf.Write(zeros[:2*blockSize]); err != nil {
		return err
	}
	return w.buf.Flush()
}

// padding is what follows a file so that the next begins on a block.
func padding(size int64) int64 { return -size & (blockSize - 1) }
