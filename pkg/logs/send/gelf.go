package send

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/nerd-cli/nerd/pkg/logs/driver"
)

// A GELF message over UDP is cut into chunks that pass any network; each begins
// with magic bytes, the message's id, its own number and their count.
const (
	gelfChunk  = 1420
	gelfHeader = 12
	gelfChunks = 128
)

type gelf struct {
	conn
	cfg  *driver.GELFConfig
	head []byte // JSON up to the message's text
	tail []byte // the fields that follow its level
	buf  bytes.Buffer
}

func newGELF(info *driver.Info) (*gelf, error) {
	cfg, err := driver.GELFOf(info.Config)
	if err != nil {
		return nil, err
	}
	tag, err := info.Tag()
	if err != nil {
		return nil, err
	}
	attrs, err := info.Attributes(func(name string) string {
		if strings.HasPrefix(name, "_") {
			return name
		}
		return "_" + name
	})
	if err != nil {
		return nil, err
	}
	extra := map[string]any{
		"_container_id": info.ContainerID, "_container_name": info.Name(), "_image_id": info.ContainerImageID,
		"_image_name": info.ContainerImageName, "_command": info.Command(), "_tag": tag, "_created": info.ContainerCreated,
	}
	for k, v := range attrs {
		extra[k] = v
	}
	fields, err := json.Marshal(extra)
	if err != nil {
		return nil, err
	}
	hostname, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	host, err := json.Marshal(hostname)
	if err != nil {
		return nil, err
	}
	g := &gelf{cfg: cfg, head: fmt.Appendf(nil, `{"version":"1.1","host":%s,"short_message":`, host), tail: append([]byte{','}, fields[1:]...)}
	g.dial = func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		c, err := d.DialContext(ctx, cfg.Network, cfg.Address)
		if err != nil {
			return nil, fmt.Errorf("gelf: cannot connect to GELF endpoint: %s %w", cfg.Address, err)
		}
		return c, nil
	}
	return g, nil
}

// Policy of TCP is what the options say; a datagram is not asked whether it has
// arrived.
func (g *gelf) Policy() Policy {
	if g.cfg.Network == "udp" {
		return patience
	}
	return Policy{Attempts: g.cfg.MaxRetries, Wait: g.cfg.RetryDelay, Factor: 1, Longest: g.cfg.RetryDelay, Pause: g.cfg.RetryDelay}
}

// Send leaves out empty lines, as Docker does.
func (g *gelf) Send(ctx context.Context, messages []Message) (int, error) {
	if g.cfg.Network == "tcp" {
		return g.sendStream(ctx, messages)
	}
	for i := range messages {
		if len(messages[i].Line) == 0 {
			continue
		}
		text, err := g.encode(nil, &messages[i])
		if err != nil {
			return i, err
		}
		if err := g.sendDatagrams(ctx, text); err != nil {
			return i, err
		}
	}
	return len(messages), nil
}

func (g *gelf) sendStream(ctx context.Context, messages []Message) (int, error) {
	var b []byte
	for i := range messages {
		if len(messages[i].Line) == 0 {
			continue
		}
		text, err := g.encode(b, &messages[i])
		if err != nil {
			return i, err
		}
		b = append(text, 0)
	}
	if !g.alive() {
		g.drop()
	}
	if err := g.write(ctx, b); err != nil {
		return 0, err
	}
	return len(messages), nil
}

// encode appends a message as JSON. Its time has milliseconds, as Docker's.
func (g *gelf) encode(b []byte, m *Message) ([]byte, error) {
	text, err := json.Marshal(string(m.Line))
	if err != nil {
		return b, err
	}
	b = append(append(b, g.head...), text...)
	b = append(b, `,"timestamp":`...)
	b = strconv.AppendFloat(b, float64(m.Time.UnixNano()/int64(time.Millisecond))/1000, 'f', 3, 64)
	b = append(b, `,"level":`...)
	b = strconv.AppendInt(b, int64(severity(m)), 10)
	return append(b, g.tail...), nil
}

func (g *gelf) sendDatagrams(ctx context.Context, text []byte) error {
	data, err := g.compress(text)
	if err != nil {
		return err
	}
	if len(data) <= gelfChunk {
		return g.writeDatagram(ctx, data)
	}
	const room = gelfChunk - gelfHeader
	count := (len(data) + room - 1) / room
	if count > gelfChunks {
		return nil // the protocol cannot carry it, and never will
	}
	var id [8]byte
	if _, err := rand.Read(id[:]); err != nil {
		return err
	}
	for i := range count {
		chunk := append([]byte{0x1e, 0x0f}, id[:]...)
		chunk = append(chunk, byte(i), byte(count))
		chunk = append(chunk, data[i*room:min((i+1)*room, len(data))]...)
		if err := g.writeDatagram(ctx, chunk); err != nil {
			return err
		}
	}
	return nil
}

func (g *gelf) compress(text []byte) ([]byte, error) {
	g.buf.Reset()
	var w io.WriteCloser
	var err error
	switch g.cfg.Compression {
	case "gzip":
		w, err = gzip.NewWriterLevel(&g.buf, g.cfg.Level)
	case "zlib":
		w, err = zlib.NewWriterLevel(&g.buf, g.cfg.Level)
	default:
		return text, nil
	}
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(text); err != nil {
		return nil, err
	}
	err = w.Close()
	return g.buf.Bytes(), err
}
