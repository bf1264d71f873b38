package send

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/nerd-cli/nerd/pkg/logs/driver"
)

// Severities of syslog, which journald and GELF use too.
const (
	severityErr  = 3
	severityInfo = 6
)

func severity(m *Message) int {
	if m.Stream == 1 {
		return severityErr
	}
	return severityInfo
}

type syslog struct {
	conn
	cfg      *driver.SyslogConfig
	datagram bool // set when connected
	hostname string
	tag      string
	buf      []byte
}

func newSyslog(info *driver.Info) (*syslog, error) {
	cfg, err := driver.SyslogOf(info.Config)
	if err != nil {
		return nil, err
	}
	s := &syslog{cfg: cfg}
	if s.tag, err = info.Tag(); err != nil {
		return nil, err
	}
	if s.hostname, err = os.Hostname(); err != nil {
		return nil, err
	}
	var secure *tls.Config
	if cfg.Network == driver.SecureTCP {
		if secure, err = tlsConfig(cfg); err != nil {
			return nil, err
		}
	}
	s.dial = func(ctx context.Context) (net.Conn, error) { return s.connect(ctx, secure) }
	return s, nil
}

func (s *syslog) Policy() Policy { return patience }

func (s *syslog) connect(ctx context.Context, secure *tls.Config) (net.Conn, error) {
	var d net.Dialer
	network := s.cfg.Network
	switch network {
	case "":
		return s.connectLocal(ctx)
	case driver.SecureTCP:
		return (&tls.Dialer{NetDialer: &d, Config: secure}).DialContext(ctx, "tcp", s.cfg.Address)
	}
	s.datagram = network == "udp" || network == "unixgram"
	return d.DialContext(ctx, network, s.cfg.Address)
}

// connectLocal finds the machine's own syslog.
func (s *syslog) connectLocal(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	for _, network := range []string{"unixgram", "unix"} {
		for _, path := range []string{"/dev/log", "/var/run/syslog", "/var/run/log"} {
			if c, err := d.DialContext(ctx, network, path); err == nil {
				s.datagram = network == "unixgram"
				return c, nil
			}
		}
	}
	return nil, errors.New("Unix syslog delivery error") //nolint:staticcheck // Docker's text
}

func tlsConfig(c *driver.SyslogConfig) (*tls.Config, error) {
	out := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: c.SkipVerify} //nolint:gosec // the user's own wish
	if c.CAFile != "" && !c.SkipVerify {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("could not read CA certificate %q: %w", c.CAFile, err)
		}
		if out.RootCAs, err = x509.SystemCertPool(); err != nil {
			out.RootCAs = x509.NewCertPool()
		}
		if !out.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("failed to append certificates from PEM file: %q", c.CAFile)
		}
	}
	if c.CertFile != "" || c.KeyFile != "" {
		pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("could not load X509 key pair: %w", err)
		}
		out.Certificates = []tls.Certificate{pair}
	}
	return out, nil
}

// Send writes one datagram a message, or all of them in one piece to a stream.
func (s *syslog) Send(ctx context.Context, messages []Message) (int, error) {
	if err := s.Connect(ctx); err != nil {
		return 0, err
	}
	if s.datagram {
		for i := range messages {
			s.buf = s.append(s.buf[:0], &messages[i])
			if err := s.writeDatagram(ctx, s.buf); err != nil {
				return i, err
			}
		}
		return len(messages), nil
	}
	if !s.alive() {
		s.drop()
	}
	s.buf = s.buf[:0]
	for i := range messages {
		s.buf = s.append(s.buf, &messages[i])
	}
	if err := s.write(ctx, s.buf); err != nil {
		return 0, err
	}
	return len(messages), nil
}

// append appends a message in the format that is asked for, with a newline; with
// one of the newer formats over TLS it is preceded by its length (RFC 5425).
func (s *syslog) append(b []byte, m *Message) []byte {
	if (s.cfg.Format == "rfc5424" || s.cfg.Format == "rfc5424micro") && s.cfg.Network == driver.SecureTCP {
		text := s.format(nil, m)
		return append(append(strconv.AppendInt(b, int64(len(text)), 10), ' '), text...)
	}
	return s.format(b, m)
}

func (s *syslog) format(b []byte, m *Message) []byte {
	priority := s.cfg.Facility<<3 | severity(m)
	switch pid := os.Getpid(); s.cfg.Format {
	case "rfc5424":
		b = fmt.Appendf(b, "<%d>1 %s %s %s %d %s - ", priority, m.Time.Format(time.RFC3339), s.hostname, s.tag, pid, s.tag)
	case "rfc5424micro":
		b = fmt.Appendf(b, "<%d>1 %s %s %s %d %s - ", priority, m.Time.Format("2006-01-02T15:04:05.000000Z07:00"), s.hostname, s.tag, pid, s.tag)
	case "rfc3164":
		b = fmt.Appendf(b, "<%d>%s %s %s[%d]: ", priority, m.Time.Format(time.Stamp), s.hostname, s.tag, pid)
	default:
		b = fmt.Appendf(b, "<%d>%s %s[%d]: ", priority, m.Time.Format(time.Stamp), s.tag, pid)
	}
	return append(append(b, m.Line...), '\n')
}
