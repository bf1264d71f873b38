package send

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/json"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tinylib/msgp/msgp"

	"github.com/nerd-cli/nerd/pkg/logs/driver"
)

const patient = 10 * time.Second

func testInfo(opts map[string]string) driver.Info {
	return driver.Info{
		ContainerID: strings.Repeat("ab", 32), ContainerName: "/web", ContainerEntrypoint: "sh", ContainerArgs: []string{"-c", "true"},
		ContainerImageID: "sha256:" + strings.Repeat("cd", 32), ContainerImageName: "busybox:1", ContainerCreated: time.Unix(1000, 0).UTC(),
		ContainerEnv: []string{"A=1"}, ContainerLabels: map[string]string{"my.label": "v1"}, Config: opts, DaemonName: "nerd",
	}
}

func sender(t *testing.T, name string, opts map[string]string) Sender {
	t.Helper()
	s, err := New(&driver.Remote{Driver: name, Info: testInfo(opts)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

var testMessages = []Message{
	{Stream: 0, Time: time.Unix(1700000000, 123456789).UTC(), Line: []byte("first line")},
	{Stream: 1, Time: time.Unix(1700000001, 0).UTC(), Line: []byte("an error")},
}

func sendAll(t *testing.T, s Sender, messages []Message) {
	t.Helper()
	if n, err := s.Send(t.Context(), messages); err != nil || n != len(messages) {
		t.Fatalf("sent %d of %d: %v", n, len(messages), err)
	}
}

// datagrams is a server that hands each datagram on.
func datagrams(t *testing.T, network, address string) (net.PacketConn, chan []byte) {
	t.Helper()
	c, err := net.ListenPacket(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	got := make(chan []byte, 100)
	go func() {
		buf := make([]byte, 1<<20)
		for {
			n, _, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			got <- bytes.Clone(buf[:n])
		}
	}()
	return c, got
}

// stream is a server that hands each connection on.
func stream(t *testing.T, network, address string) (net.Listener, chan net.Conn) {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	got := make(chan net.Conn, 10)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			got <- c
		}
	}()
	return l, got
}

func receive[T any](t *testing.T, from chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patient):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

func TestGELFDatagrams(t *testing.T) {
	for _, compression := range []string{"gzip", "zlib", "none"} {
		server, got := datagrams(t, "udp", "127.0.0.1:0")
		s := sender(t, driver.GELF, map[string]string{
			"gelf-address": "udp://" + server.LocalAddr().String(), "gelf-compression-type": compression, "labels": "my.label", "tag": "{{.Name}}",
		})
		sendAll(t, s, append([]Message{{Line: nil}}, testMessages...)) // the empty line is left out
		for i, want := range []struct {
			text  string
			level float64
			time  float64
		}{{"first line", 6, 1700000000.123}, {"an error", 3, 1700000001}} {
			m := unpackGELF(t, compression, receive(t, got))
			if m["version"] != "1.1" || m["short_message"] != want.text || m["level"] != want.level || m["timestamp"] != want.time {
				t.Errorf("%s, message %d: %v", compression, i, m)
			}
			if m["_container_name"] != "web" || m["_tag"] != "web" || m["_my.label"] != "v1" || m["_image_name"] != "busybox:1" || m["_command"] != "sh -c true" {
				t.Errorf("%s, fields: %v", compression, m)
			}
		}
	}
}

func unpackGELF(t *testing.T, compression string, b []byte) map[string]any {
	t.Helper()
	var r io.Reader = bytes.NewReader(b)
	var err error
	switch compression {
	case "gzip":
		r, err = gzip.NewReader(r)
	case "zlib":
		r, err = zlib.NewReader(r)
	}
	m := map[string]any{}
	if err == nil {
		err = json.NewDecoder(r).Decode(&m)
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// A message that does not fit into a datagram comes in chunks.
func TestGELFChunks(t *testing.T) {
	server, got := datagrams(t, "udp", "127.0.0.1:0")
	s := sender(t, driver.GELF, map[string]string{"gelf-address": "udp://" + server.LocalAddr().String(), "gelf-compression-type": "none"})
	line := strings.Repeat("0123456789", 1000)
	sendAll(t, s, []Message{{Line: []byte(line)}})
	var parts [][]byte
	for have := 0; parts == nil || have < len(parts); have++ {
		chunk := receive(t, got)
		if len(chunk) > gelfChunk || chunk[0] != 0x1e || chunk[1] != 0x0f {
			t.Fatalf("a chunk of %d bytes: % x", len(chunk), chunk[:gelfHeader])
		}
		if parts == nil {
			parts = make([][]byte, chunk[11])
		}
		parts[chunk[10]] = chunk[gelfHeader:]
	}
	if m := unpackGELF(t, "none", bytes.Join(parts, nil)); m["short_message"] != line {
		t.Errorf("%.60v", m)
	}
}

func TestGELFStream(t *testing.T) {
	server, conns := stream(t, "tcp", "127.0.0.1:0")
	s := sender(t, driver.GELF, map[string]string{"gelf-address": "tcp://" + server.Addr().String()})
	sendAll(t, s, testMessages)
	c := receive(t, conns)
	buf := make([]byte, 4096)
	n := 0
	for bytes.Count(buf[:n], []byte{0}) < 2 {
		r, err := c.Read(buf[n:])
		if err != nil {
			t.Fatal(err)
		}
		n += r
	}
	if m := unpackGELF(t, "none", bytes.Split(buf[:n], []byte{0})[1]); m["short_message"] != "an error" {
		t.Errorf("%v", m)
	}
}

func fluentEntries(t *testing.T, c net.Conn, n int) []any {
	t.Helper()
	r := msgp.NewReader(c)
	var out []any
	for range n {
		v, err := r.ReadIntf()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	return out
}

func TestFluentd(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		address := "127.0.0.1:0"
		if network == "unix" {
			address = filepath.Join(t.TempDir(), "f.sock")
		}
		server, conns := stream(t, network, address)
		s := sender(t, driver.Fluentd, map[string]string{
			"fluentd-address": network + "://" + server.Addr().String(), "tag": "t.{{.Name}}", "env": "A",
		})
		piece := Message{Time: time.Unix(5, 0), Line: []byte("x"), Piece: &Piece{ID: "p", Ordinal: 2, Last: true}}
		sendAll(t, s, append([]Message{piece}, testMessages...))
		got := fluentEntries(t, receive(t, conns), 3)
		first, second, third := got[0].([]any), got[1].([]any), got[2].([]any)
		if first[0] != "t.web" || first[1] != int64(5) || len(first) != 4 {
			t.Errorf("%v", first)
		}
		record := first[2].(map[string]any)
		if record["partial_message"] != "true" || record["partial_id"] != "p" || record["partial_ordinal"] != "2" || record["partial_last"] != "true" {
			t.Errorf("piece: %v", record)
		}
		record = second[2].(map[string]any)
		if record["log"] != "first line" || record["source"] != "stdout" || record["container_name"] != "/web" || record["A"] != "1" ||
			record["container_id"] != strings.Repeat("ab", 32) || len(record) != 5 {
			t.Errorf("%v", record)
		}
		if r := third[2].(map[string]any); r["log"] != "an error" || r["source"] != "stderr" {
			t.Errorf("%v", r)
		}
	}
}

// With confirmation a message counts only when the server has repeated its id.
func TestFluentdConfirmed(t *testing.T) {
	server, conns := stream(t, "tcp", "127.0.0.1:0")
	go func() {
		c := <-conns
		r := msgp.NewReader(c)
		for {
			v, err := r.ReadIntf()
			if err != nil {
				return
			}
			id, _ := v.([]any)[3].(map[string]any)["chunk"].(string)
			_, _ = c.Write(msgp.AppendString(msgp.AppendString(msgp.AppendMapHeader(nil, 1), "ack"), id))
		}
	}()
	opts := map[string]string{
		"fluentd-address": server.Addr().String(), "fluentd-request-ack": "true", "fluentd-sub-second-precision": "true",
	}
	sendAll(t, sender(t, driver.Fluentd, opts), testMessages)

	wrong, others := stream(t, "tcp", "127.0.0.1:0")
	go func() {
		c := <-others
		_, _ = c.Write(msgp.AppendString(msgp.AppendString(msgp.AppendMapHeader(nil, 1), "ack"), "another"))
	}()
	opts["fluentd-address"] = wrong.Addr().String()
	if n, err := sender(t, driver.Fluentd, opts).Send(t.Context(), testMessages); err == nil || n != 0 {
		t.Errorf("%d messages were confirmed: %v", n, err)
	}
}
