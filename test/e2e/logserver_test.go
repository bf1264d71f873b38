package e2e

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/tinylib/msgp/msgp"
)

// logServer takes what log drivers send and writes it into a file, a message a
// line: syslog as it comes, fluentd and GELF as JSON.
type logServer struct {
	mu      sync.Mutex
	file    *os.File
	closers []io.Closer
}

// cmdLogServer starts a server on 127.0.0.1, or on a socket in the script's folder,
// and sets $ADDR to its address.
func cmdLogServer(ts *testscript.TestScript, neg bool, args []string) {
	const usage = "logserver syslog|fluentd|gelf NETWORK FILE"
	need(ts, !neg && len(args) == 3, usage)
	file, err := os.OpenFile(ts.MkAbs(args[2]), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	ts.Check(err)
	s := &logServer{file: file}
	ts.Defer(s.close)
	address := "127.0.0.1:0"
	if strings.HasPrefix(args[1], "unix") {
		address = filepath.Join(ts.Getenv("WORK"), args[0]+".sock")
	}
	read := map[string]func(io.Reader) error{"syslog": s.readLines, "fluentd": s.readFluentd, "gelf": s.readGELF}[args[0]]
	need(ts, read != nil, usage)
	var bound string
	if args[1] == "udp" || args[1] == "unixgram" {
		bound, err = s.listenPacket(args[1], address, read)
	} else {
		bound, err = s.listen(args[1], address, read)
	}
	ts.Check(err)
	ts.Setenv("ADDR", args[1]+"://"+bound)
}

func (s *logServer) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.closers {
		_ = c.Close() // the script is over
	}
	_ = s.file.Close()
}

func (s *logServer) keep(c io.Closer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closers = append(s.closers, c)
}

func (s *logServer) write(format string, args ...any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := fmt.Fprintf(s.file, format+"\n", args...)
	return err
}

func (s *logServer) listenPacket(network, address string, read func(io.Reader) error) (string, error) {
	c, err := net.ListenPacket(network, address)
	if err != nil {
		return "", err
	}
	s.keep(c)
	go func() {
		buf := make([]byte, 1<<16)
		for {
			n, _, err := c.ReadFrom(buf)
			if err == nil {
				err = read(bytes.NewReader(buf[:n]))
			}
			if err != nil {
				return
			}
		}
	}()
	return c.LocalAddr().String(), nil
}

func (s *logServer) listen(network, address string, read func(io.Reader) error) (string, error) {
	l, err := net.Listen(network, address)
	if err != nil {
		return "", err
	}
	s.keep(l)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.keep(c)
			go func() { _ = read(c) }() // ends with the connection
		}
	}()
	return l.Addr().String(), nil
}

func (s *logServer) readLines(r io.Reader) error {
	in := bufio.NewScanner(r)
	for in.Scan() {
		if err := s.write("%s", in.Text()); err != nil {
			return err
		}
	}
	return in.Err()
}

func (s *logServer) readFluentd(r io.Reader) error {
	in := msgp.NewReader(r)
	for {
		v, err := in.ReadIntf()
		if err != nil {
			return err
		}
		entry, ok := v.([]any)
		if !ok || len(entry) < 3 {
			return fmt.Errorf("no entry: %v", v)
		}
		record, err := json.Marshal(entry[2])
		if err != nil {
			return err
		}
		if err := s.write("%v %s", entry[0], record); err != nil {
			return err
		}
	}
}

// readGELF reads a datagram that may be compressed, or messages that end with a
// zero byte.
func (s *logServer) readGELF(r io.Reader) error {
	in := bufio.NewReader(r)
	if magic, err := in.Peek(2); err == nil && bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(in)
		if err != nil {
			return err
		}
		in = bufio.NewReader(z)
	}
	for {
		text, err := in.ReadString(0)
		if text != "" {
			if err := s.write("%s", strings.TrimSuffix(text, "\x00")); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
