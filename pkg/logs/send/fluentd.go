package send

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/tinylib/msgp/msgp"

	"github.com/nerd-cli/nerd/pkg/logs/driver"
)

// ackTimeout is how long a server may take to confirm a message.
const ackTimeout = 30 * time.Second

type fluentd struct {
	conn
	cfg    *driver.FluentdConfig
	tag    string
	common []byte // the record's fields that all messages have
	count  int    // of them
	since  time.Time
	buf    []byte
}

func newFluentd(info *driver.Info) (*fluentd, error) {
	cfg, err := driver.FluentdOf(info.Config)
	if err != nil {
		return nil, err
	}
	f := &fluentd{cfg: cfg}
	if f.tag, err = info.Tag(); err != nil {
		return nil, err
	}
	attrs, err := info.Attributes(nil)
	if err != nil {
		return nil, err
	}
	attrs["container_id"], attrs["container_name"] = info.ContainerID, "/"+info.Name()
	for k, v := range attrs {
		f.common = msgp.AppendString(msgp.AppendString(f.common, k), v)
	}
	f.count = len(attrs)
	f.dial = func(ctx context.Context) (net.Conn, error) {
		f.since = time.Now()
		var d net.Dialer
		if cfg.Network == "tls" {
			return (&tls.Dialer{NetDialer: &d}).DialContext(ctx, "tcp", cfg.Address)
		}
		return d.DialContext(ctx, cfg.Network, cfg.Address)
	}
	return f, nil
}

// Policy is what the options say.
func (f *fluentd) Policy() Policy {
	p := Policy{Attempts: f.cfg.MaxRetries, Wait: f.cfg.RetryWait, Factor: 1.5, Longest: time.Minute, Pause: f.cfg.RetryWait}
	if f.cfg.Async {
		p.Unreachable, p.Queue = true, f.cfg.Limit
	}
	return p
}

// Send writes each message as one entry of fluentd's forward protocol; all in one
// piece, unless the server confirms each.
func (f *fluentd) Send(ctx context.Context, messages []Message) (int, error) {
	if f.cfg.Reconnect > 0 && f.c != nil && time.Since(f.since) >= f.cfg.Reconnect {
		f.drop()
	}
	if f.cfg.Ack {
		return f.sendConfirmed(ctx, messages)
	}
	if !f.alive() {
		f.drop()
	}
	f.buf = f.buf[:0]
	for i := range messages {
		f.buf = f.append(f.buf, &messages[i], "")
	}
	if err := f.write(ctx, f.buf); err != nil {
		return 0, err
	}
	return len(messages), nil
}

func (f *fluentd) sendConfirmed(ctx context.Context, messages []Message) (int, error) {
	for i := range messages {
		var raw [16]byte
		if _, err := rand.Read(raw[:]); err != nil {
			return i, err
		}
		id := base64.StdEncoding.EncodeToString(raw[:])
		f.buf = f.append(f.buf[:0], &messages[i], id)
		if err := f.write(ctx, f.buf); err != nil {
			return i, err
		}
		if err := f.confirm(id); err != nil {
			f.drop()
			return i, err
		}
	}
	return len(messages), nil
}

// confirm reads the server's answer, a map that repeats the id.
func (f *fluentd) confirm(id string) error {
	if err := f.c.SetReadDeadline(time.Now().Add(ackTimeout)); err != nil {
		return err
	}
	const longest = 256
	var b [longest]byte
	n := 0
	for {
		r, err := f.c.Read(b[n:])
		if err != nil {
			return fmt.Errorf("fluentd has not confirmed a message: %w", err)
		}
		n += r
		answer, rest, err := msgp.ReadMapStrIntfBytes(b[:n], nil)
		if err == nil && len(rest) == 0 {
			if got, _ := answer["ack"].(string); got != id {
				return fmt.Errorf("fluentd has confirmed %q, not the message that was sent", got)
			}
			return nil
		}
		if n == longest {
			return fmt.Errorf("fluentd's answer is not understood: %w", err)
		}
	}
}

// append appends an entry: tag, time, record, options.
func (f *fluentd) append(b []byte, m *Message, id string) []byte {
	b = msgp.AppendString(msgp.AppendArrayHeader(b, 4), f.tag)
	b = f.appendTime(b, m.Time)
	b = f.appendRecord(b, m)
	if id == "" {
		return msgp.AppendMapHeader(b, 0)
	}
	return msgp.AppendString(msgp.AppendString(msgp.AppendMapHeader(b, 1), "chunk"), id)
}

// appendTime appends seconds or, as fluentd's EventTime, nanoseconds too: an
// extension of type 0 and eight bytes.
func (f *fluentd) appendTime(b []byte, t time.Time) []byte {
	if !f.cfg.SubSecond {
		return msgp.AppendInt64(b, t.Unix())
	}
	const fixext8 = 0xd7
	b = binary.BigEndian.AppendUint32(append(b, fixext8, 0), uint32(t.Unix()))
	return binary.BigEndian.AppendUint32(b, uint32(t.Nanosecond()))
}

func (f *fluentd) appendRecord(b []byte, m *Message) []byte {
	n := f.count + 2
	if m.Piece != nil {
		n += 4
	}
	b = append(msgp.AppendMapHeader(b, uint32(n)), f.common...)
	source := "stdout"
	if m.Stream == 1 {
		source = "stderr"
	}
	b = msgp.AppendString(msgp.AppendString(b, "source"), source)
	b = msgp.AppendStringFromBytes(msgp.AppendString(b, "log"), m.Line)
	if p := m.Piece; p != nil {
		for _, kv := range [][2]string{
			{"partial_message", "true"},
			{"partial_id", p.ID},
			{"partial_ordinal", strconv.Itoa(p.Ordinal)},
			{"partial_last", strconv.FormatBool(p.Last)},
		} {
			b = msgp.AppendString(msgp.AppendString(b, kv[0]), kv[1])
		}
	}
	return b
}
