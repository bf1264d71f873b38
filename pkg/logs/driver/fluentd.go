package driver

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/docker/go-units"
)

const (
	fluentdAddress   = "fluentd-address"
	fluentdAsync     = "fluentd-async"
	fluentdConnect   = "fluentd-async-connect" // its old name
	fluentdReconnect = "fluentd-async-reconnect-interval"
	fluentdLimit     = "fluentd-buffer-limit"
	fluentdRetries   = "fluentd-max-retries"
	fluentdAck       = "fluentd-request-ack"
	fluentdWait      = "fluentd-retry-wait"
	fluentdSubSecond = "fluentd-sub-second-precision"
)

var fluentdOptions = []string{
	fluentdAddress, fluentdAsync, fluentdConnect, fluentdReconnect, fluentdLimit, fluentdRetries, fluentdAck, fluentdWait, fluentdSubSecond,
}

// FluentdConfig is the meaning of the options of driver fluentd.
type FluentdConfig struct {
	Network    string        // tcp, tls or unix
	Address    string        // HOST:PORT or a path
	Async      bool          // the container starts, and goes on, without a server
	Reconnect  time.Duration // with Async: connect anew after so long; 0: never
	Limit      int           // with Async: messages held while there is no server
	RetryWait  time.Duration // before the second attempt; each further one waits half as long again
	MaxRetries int           // attempts after which a message is lost
	Ack        bool          // wait for the server to confirm each message
	SubSecond  bool          // times carry nanoseconds
}

// FluentdOf reads the options of driver fluentd.
func FluentdOf(opts map[string]string) (*FluentdConfig, error) {
	c := &FluentdConfig{Limit: 1 << 20, RetryWait: time.Second, MaxRetries: math.MaxInt32}
	var err error
	if c.Network, c.Address, err = fluentdEndpoint(opts[fluentdAddress]); err != nil {
		return nil, fmt.Errorf("invalid fluentd-address (%s): %w", opts[fluentdAddress], err)
	}
	if v := opts[fluentdLimit]; v != "" {
		n, err := units.RAMInBytes(v)
		if err != nil {
			return nil, err
		}
		c.Limit = int(n)
	}
	if v := opts[fluentdWait]; v != "" {
		if c.RetryWait, err = time.ParseDuration(v); err != nil {
			return nil, err
		}
	}
	if v := opts[fluentdRetries]; v != "" {
		n, err := strconv.ParseUint(v, 10, strconv.IntSize-1)
		if err != nil {
			return nil, err
		}
		c.MaxRetries = int(n)
	}
	if opts[fluentdAsync] != "" && opts[fluentdConnect] != "" {
		return nil, errors.New("conflicting options: cannot specify both 'fluentd-async' and 'fluentd-async-connect'")
	}
	for _, b := range []struct {
		key string
		to  *bool
	}{{fluentdAsync, &c.Async}, {fluentdConnect, &c.Async}, {fluentdSubSecond, &c.SubSecond}, {fluentdAck, &c.Ack}} {
		if v := opts[b.key]; v != "" {
			if *b.to, err = strconv.ParseBool(v); err != nil {
				return nil, err
			}
		}
	}
	c.Reconnect, err = reconnectInterval(opts[fluentdReconnect])
	return c, err
}

func reconnectInterval(v string) (time.Duration, error) {
	const shortest, longest = 100 * time.Millisecond, 10 * time.Second
	if v == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(v)
	if err != nil {
		return 0, fmt.Errorf("invalid value for %s: %w", fluentdReconnect, err)
	}
	if d != 0 && (d < shortest || d > longest) {
		return 0, fmt.Errorf("invalid value for %s: value (%q) must be between %s and %s", fluentdReconnect, d, shortest, longest)
	}
	return d, nil
}

func fluentdEndpoint(address string) (network, addr string, err error) {
	const host, port = "127.0.0.1", "24224"
	if address == "" {
		return "tcp", net.JoinHostPort(host, port), nil
	}
	if !strings.Contains(address, "://") {
		address = "tcp://" + address
	}
	u, err := url.Parse(address)
	if err != nil {
		return "", "", err
	}
	switch u.Scheme {
	case "unix":
		if strings.TrimLeft(u.Path, "/") == "" {
			return "", "", errors.New("path is empty")
		}
		return u.Scheme, u.Path, nil
	case "tcp", "tls":
	default:
		return "", "", fmt.Errorf("unsupported scheme: '%s'", u.Scheme)
	}
	if u.Path != "" {
		return "", "", errors.New("should not contain a path element")
	}
	h, p := u.Hostname(), u.Port()
	if h == "" {
		h = host
	}
	if p == "" {
		p = port
	}
	if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 {
		return "", "", fmt.Errorf("invalid port %q", p)
	}
	return u.Scheme, net.JoinHostPort(h, p), nil
}
