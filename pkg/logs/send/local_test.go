package send

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nerd-cli/nerd/pkg/logs/driver"
)

func TestSyslogDatagrams(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	pid := os.Getpid()
	stamp := testMessages[0].Time.Format(time.Stamp)
	for format, want := range map[string]string{
		"":             fmt.Sprintf("<30>%s web[%d]: first line\n", stamp, pid),
		"rfc3164":      fmt.Sprintf("<30>%s %s web[%d]: first line\n", stamp, host, pid),
		"rfc5424":      fmt.Sprintf("<30>1 2023-11-14T22:13:20Z %s web %d web - first line\n", host, pid),
		"rfc5424micro": fmt.Sprintf("<30>1 2023-11-14T22:13:20.123456Z %s web %d web - first line\n", host, pid),
	} {
		server, got := datagrams(t, "udp", "127.0.0.1:0")
		s := sender(t, driver.Syslog, map[string]string{"syslog-address": "udp://" + server.LocalAddr().String(), "syslog-format": format, "tag": "{{.Name}}"})
		sendAll(t, s, testMessages)
		if text := string(receive(t, got)); text != want {
			t.Errorf("%q: %q, want %q", format, text, want)
		}
		if text := string(receive(t, got)); !strings.HasPrefix(text, "<27>") {
			t.Errorf("%q: stderr: %q", format, text)
		}
	}
}

func TestSyslogUnix(t *testing.T) {
	for _, network := range []string{"unix", "unixgram"} {
		path := filepath.Join(t.TempDir(), "log")
		var text string
		opts := map[string]string{"syslog-address": network + "://" + path, "syslog-facility": "local3"}
		if network == "unixgram" {
			_, got := datagrams(t, network, path)
			sendAll(t, sender(t, driver.Syslog, opts), testMessages[:1])
			text = string(receive(t, got))
		} else {
			_, conns := stream(t, network, path)
			sendAll(t, sender(t, driver.Syslog, opts), testMessages[:1])
			line, err := bufio.NewReader(receive(t, conns)).ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			text = line
		}
		if !strings.HasPrefix(text, "<158>") || !strings.HasSuffix(text, ": first line\n") {
			t.Errorf("%s: %q", network, text)
		}
	}
}

// A server that goes away and comes back gets what follows.
func TestSyslogReconnects(t *testing.T) {
	server, conns := stream(t, "tcp", "127.0.0.1:0")
	s := sender(t, driver.Syslog, map[string]string{"syslog-address": "tcp://" + server.Addr().String()})
	sendAll(t, s, testMessages)
	c := receive(t, conns)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(20 * time.Millisecond) // the end of the connection has to arrive
	sendAll(t, s, testMessages[1:])
	line, err := bufio.NewReader(receive(t, conns)).ReadString('\n')
	if err != nil || !strings.HasSuffix(line, ": an error\n") {
		t.Errorf("%q, %v", line, err)
	}
}

// certificate makes a certificate for 127.0.0.1 and writes it and its key as PEM.
func certificate(t *testing.T) (cert tls.Certificate, certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "log"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: raw})
	certFile, keyFile = filepath.Join(t.TempDir(), "c.pem"), filepath.Join(t.TempDir(), "k.pem")
	for path, data := range map[string][]byte{certFile: certPEM, keyFile: keyPEM} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if cert, err = tls.X509KeyPair(certPEM, keyPEM); err != nil {
		t.Fatal(err)
	}
	return cert, certFile, keyFile
}

func TestSyslogTLS(t *testing.T) {
	cert, certFile, keyFile := certificate(t)
	pool := x509.NewCertPool()
	parsed, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(parsed)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	lines := make(chan string, 10)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				if line, err := bufio.NewReader(c).ReadString('\n'); err == nil {
					lines <- line
				}
			}()
		}
	}()
	opts := map[string]string{
		"syslog-address": "tcp+tls://" + l.Addr().String(), "syslog-format": "rfc5424", "syslog-tls-cert": certFile, "syslog-tls-key": keyFile,
	}
	if err := sender(t, driver.Syslog, opts).Connect(t.Context()); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("an unknown authority: %v", err)
	}
	opts["syslog-tls-ca-cert"] = certFile
	sendAll(t, sender(t, driver.Syslog, opts), testMessages[:1])
	line := receive(t, lines)
	size, text, _ := strings.Cut(line, " ")
	if size != fmt.Sprint(len(text)) || !strings.HasPrefix(text, "<30>1 ") {
		t.Errorf("%q", line)
	}
	opts["syslog-tls-ca-cert"] = "/no/such"
	_, err = New(&driver.Remote{Driver: driver.Syslog, Info: testInfo(opts)})
	if err == nil || err.Error() != `could not read CA certificate "/no/such": open /no/such: no such file or directory` {
		t.Errorf("%v", err)
	}
	opts["syslog-tls-skip-verify"] = "true"
	sendAll(t, sender(t, driver.Syslog, opts), testMessages[:1])
	receive(t, lines)
}

// journal is a fake of systemd's socket.
func journal(t *testing.T) (*net.UnixConn, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "socket")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c, path
}

func TestJournald(t *testing.T) {
	server, path := journal(t)
	info := testInfo(map[string]string{"labels": "my.label", "env": "A", "tag": "{{.Name}}-x"})
	j, err := newJournald(path, &info)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	piece := Message{Time: time.Unix(5, 0), Line: []byte("two\nlines"), Piece: &Piece{ID: "p", Ordinal: 1}}
	sendAll(t, j, append([]Message{piece}, testMessages[1]))
	buf := make([]byte, 1<<16)
	for _, want := range []map[string]string{
		{"MESSAGE": "two\nlines", "PRIORITY": "6", "CONTAINER_PARTIAL_MESSAGE": "true", "CONTAINER_PARTIAL_ID": "p", "CONTAINER_PARTIAL_ORDINAL": "1", "CONTAINER_PARTIAL_LAST": "false"},
		{"MESSAGE": "an error", "PRIORITY": "3", "SYSLOG_TIMESTAMP": "2023-11-14T22:13:21Z"},
	} {
		n, err := server.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		got, err := splitFields(buf[:n])
		if err != nil {
			t.Fatal(err)
		}
		want["CONTAINER_NAME"], want["CONTAINER_TAG"], want["SYSLOG_IDENTIFIER"] = "web", "web-x", "web-x"
		want["CONTAINER_ID"], want["CONTAINER_ID_FULL"] = strings.Repeat("ab", 6), strings.Repeat("ab", 32)
		want["IMAGE_NAME"], want["MY_LABEL"], want["A"] = "busybox:1", "v1", "1"
		for k, v := range want {
			if got[k] != v {
				t.Errorf("%s is %q, want %q", k, got[k], v)
			}
		}
	}
}

// What is too large for a datagram is handed over as a file.
func TestJournaldLarge(t *testing.T) {
	server, path := journal(t)
	info := testInfo(nil)
	j, err := newJournald(path, &info)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	text := strings.Repeat("x", 4<<20)
	sendAll(t, j, []Message{{Line: []byte(text)}})
	rights := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := server.ReadMsgUnix(nil, rights)
	if err != nil {
		t.Fatal(err)
	}
	control, err := unix.ParseSocketControlMessage(rights[:n])
	if err != nil || len(control) != 1 {
		t.Fatalf("%v, %v", control, err)
	}
	fds, err := unix.ParseUnixRights(&control[0])
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fds[0]), "message")
	defer f.Close()
	buf := make([]byte, len(text)+4096)
	size, err := f.ReadAt(buf, 0)
	if size < len(text) {
		t.Fatal(err)
	}
	if got, err := splitFields(buf[:size]); err != nil || got["MESSAGE"] != text {
		t.Errorf("a message of %d bytes, %v", len(got["MESSAGE"]), err)
	}
}

func TestJournaldAbsent(t *testing.T) {
	info := testInfo(nil)
	j, err := newJournald("/no/such/socket", &info)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Connect(t.Context()); err == nil || err.Error() != "journald is not enabled on this host" {
		t.Error(err)
	}
	for in, want := range map[string]string{"my.label": "MY_LABEL", "__x": "X", "é": "", "a-1": "A_1"} {
		if got := journalField(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// splitFields cuts encoded fields into names and values again.
func splitFields(b []byte) (map[string]string, error) {
	out := map[string]string{}
	for len(b) > 0 {
		i := slices.IndexFunc(b, func(c byte) bool { return c == '=' || c == '\n' })
		if i < 0 {
			return nil, errors.New("a field without a value")
		}
		name, rest := string(b[:i]), b[i+1:]
		size := 0
		if b[i] == '\n' {
			if len(rest) < 8 || binary.LittleEndian.Uint64(rest) >= uint64(len(rest)-8) {
				return nil, errors.New("a value without its end")
			}
			size, rest = int(binary.LittleEndian.Uint64(rest)), rest[8:]
		} else if size = bytes.IndexByte(rest, '\n'); size < 0 {
			return nil, errors.New("a line without its end")
		}
		out[name], b = string(rest[:size]), rest[size+1:]
	}
	return out, nil
}
