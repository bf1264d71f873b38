package driver

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
)

const (
	syslogAddress  = "syslog-address"
	syslogFacility = "syslog-facility"
	syslogFormat   = "syslog-format"
	syslogCA       = "syslog-tls-ca-cert"
	syslogCert     = "syslog-tls-cert"
	syslogKey      = "syslog-tls-key"
	syslogSkip     = "syslog-tls-skip-verify"

	// SecureTCP is the scheme of syslog over TLS.
	SecureTCP = "tcp+tls"
)

var syslogOptions = []string{syslogAddress, syslogFacility, syslogFormat, syslogCA, syslogCert, syslogKey, syslogSkip}

// SyslogConfig is the meaning of the options of driver syslog.
type SyslogConfig struct {
	Network  string // "": the machine's own syslog; else tcp, udp, unix, unixgram or SecureTCP
	Address  string // HOST:PORT or a path
	Facility int    // 0 to 23
	Format   string // "", rfc3164, rfc5424 or rfc5424micro

	CAFile, CertFile, KeyFile string // PEM files for TLS
	SkipVerify                bool   // accept any certificate
}

// SyslogOf reads the options of driver syslog.
func SyslogOf(opts map[string]string) (*SyslogConfig, error) {
	c := &SyslogConfig{CAFile: opts[syslogCA], CertFile: opts[syslogCert], KeyFile: opts[syslogKey], Format: opts[syslogFormat]}
	// Any value that is there and not false by name counts, as in Docker.
	_, c.SkipVerify = opts[syslogSkip]
	if off, err := strconv.ParseBool(opts[syslogSkip]); err == nil && !off {
		c.SkipVerify = false
	}
	var err error
	if c.Network, c.Address, err = syslogEndpoint(opts[syslogAddress]); err != nil {
		return nil, err
	}
	if c.Facility, err = facility(opts[syslogFacility]); err != nil {
		return nil, err
	}
	switch c.Format {
	case "", "rfc3164", "rfc5424", "rfc5424micro":
	default:
		return nil, errors.New("Invalid syslog format") //nolint:staticcheck // Docker's text
	}
	return c, nil
}

func syslogEndpoint(address string) (network, addr string, err error) {
	if address == "" {
		return "", "", nil
	}
	u, err := url.Parse(address)
	if err != nil {
		return "", "", err
	}
	switch u.Scheme {
	case "unix", "unixgram":
		if _, err := os.Stat(u.Path); err != nil {
			return "", "", err
		}
		return u.Scheme, u.Path, nil
	case "tcp", "udp", SecureTCP:
		if u.Port() == "" {
			return u.Scheme, net.JoinHostPort(u.Hostname(), "514"), nil
		}
		return u.Scheme, u.Host, nil
	}
	return "", "", fmt.Errorf("unsupported scheme: '%s'", u.Scheme)
}

// facilities are syslog's, in the order of their numbers.
var facilities = []string{
	"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
	"", "", "", "", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
}

func facility(name string) (int, error) {
	if name == "" {
		name = "daemon"
	}
	for i, f := range facilities {
		if f == name {
			return i, nil
		}
	}
	if n, err := strconv.Atoi(name); err == nil && n >= 0 && n < len(facilities) {
		return n, nil
	}
	return 0, errors.New("invalid syslog facility")
}
