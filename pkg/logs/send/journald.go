package send

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nerd-cli/nerd/pkg/logs/driver"
)

// journalSocket is where systemd's journal takes messages.
const journalSocket = "/run/systemd/journal/socket"

type journald struct {
	conn
	fields []byte // what all messages have in common, encoded
	buf    []byte
}

func newJournald(socket string, info *driver.Info) (*journald, error) {
	tag, err := info.Tag()
	if err != nil {
		return nil, err
	}
	attrs, err := info.Attributes(journalField)
	if err != nil {
		return nil, err
	}
	for name, value := range map[string]string{
		"CONTAINER_ID": info.ID(), "CONTAINER_ID_FULL": info.FullID(), "CONTAINER_NAME": info.Name(),
		"CONTAINER_TAG": tag, "IMAGE_NAME": info.ImageName(), "SYSLOG_IDENTIFIER": tag,
	} {
		attrs[name] = value
	}
	j := &journald{}
	for name, value := range attrs {
		if name != "" {
			j.fields = appendField(j.fields, name, []byte(value))
		}
	}
	j.dial = func(ctx context.Context) (net.Conn, error) {
		if _, err := os.Stat(socket); err != nil {
			return nil, errors.New("journald is not enabled on this host")
		}
		var d net.Dialer
		return d.DialContext(ctx, "unixgram", socket)
	}
	return j, nil
}

func (j *journald) Policy() Policy { return patience }

// journalField makes a name of a label or a variable one that the journal takes:
// capitals, digits and underscores, not beginning with an underscore.
func journalField(name string) string {
	name = strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToUpper(name))
	return strings.TrimLeft(name, "_")
}

// appendField appends a field as the journal's native protocol has it: a line, or
// for a value of several lines its length and the bytes.
func appendField(b []byte, name string, value []byte) []byte {
	b = append(b, name...)
	if bytes.IndexByte(value, '\n') < 0 {
		b = append(append(b, '='), value...)
	} else {
		b = binary.LittleEndian.AppendUint64(append(b, '\n'), uint64(len(value)))
		b = append(b, value...)
	}
	return append(b, '\n')
}

// Send writes each message as one datagram.
func (j *journald) Send(ctx context.Context, messages []Message) (int, error) {
	for i := range messages {
		m := &messages[i]
		j.buf = append(j.buf[:0], j.fields...)
		j.buf = appendField(j.buf, "MESSAGE", m.Line)
		j.buf = appendField(j.buf, "PRIORITY", []byte{'0' + byte(severity(m))})
		j.buf = appendField(j.buf, "SYSLOG_TIMESTAMP", m.Time.UTC().AppendFormat(nil, time.RFC3339Nano))
		if p := m.Piece; p != nil {
			if !p.Last {
				j.buf = appendField(j.buf, "CONTAINER_PARTIAL_MESSAGE", []byte("true"))
			}
			j.buf = appendField(j.buf, "CONTAINER_PARTIAL_ID", []byte(p.ID))
			j.buf = appendField(j.buf, "CONTAINER_PARTIAL_ORDINAL", strconv.AppendInt(nil, int64(p.Ordinal), 10))
			j.buf = appendField(j.buf, "CONTAINER_PARTIAL_LAST", strconv.AppendBool(nil, p.Last))
		}
		if err := j.sendOne(ctx); err != nil {
			return i, err
		}
	}
	return len(messages), nil
}

func (j *journald) sendOne(ctx context.Context) error {
	if err := j.Connect(ctx); err != nil {
		return err
	}
	err := j.c.SetWriteDeadline(time.Now().Add(writeTimeout))
	if err == nil {
		_, err = j.c.Write(j.buf)
	}
	if errors.Is(err, unix.EMSGSIZE) || errors.Is(err, unix.ENOBUFS) {
		return j.sendFile()
	}
	if err != nil {
		j.drop()
	}
	return err
}

// sendFile hands a message that is too large for a datagram over as a sealed file
// in memory.
func (j *journald) sendFile() error {
	fd, err := unix.MemfdCreate("message", unix.MFD_ALLOW_SEALING|unix.MFD_CLOEXEC)
	if err != nil {
		return fmt.Errorf("memfd_create: %w", err)
	}
	f := os.NewFile(uintptr(fd), "message")
	defer func() { _ = f.Close() }() // the journal has its own descriptor
	if _, err := f.Write(j.buf); err != nil {
		return err
	}
	seals := unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE | unix.F_SEAL_SEAL
	if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		return fmt.Errorf("seal a message for the journal: %w", err)
	}
	c, ok := j.c.(*net.UnixConn)
	if !ok {
		return errors.New("the journal's socket is no Unix socket")
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	// A connected socket has no WriteMsgUnix.
	var sent error
	if err := raw.Write(func(fd uintptr) bool {
		sent = unix.Sendmsg(int(fd), nil, unix.UnixRights(int(f.Fd())), nil, 0)
		return !errors.Is(sent, unix.EAGAIN)
	}); err != nil {
		sent = err
	}
	if sent != nil {
		j.drop()
	}
	return sent
}
