package driver

import (
	"compress/flate"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"time"
)

const (
	gelfAddress = "gelf-address"
	gelfType    = "gelf-compression-type"
	gelfLevel   = "gelf-compression-level"
	gelfRetries = "gelf-tcp-max-reconnect"
	gelfDelay   = "gelf-tcp-reconnect-delay"
)

var gelfOptions = []string{gelfAddress, gelfType, gelfLevel, gelfRetries, gelfDelay}

// GELFConfig is the meaning of the options of driver gelf.
type GELFConfig struct {
	Network     string        // udp or tcp
	Address     string        // HOST:PORT
	Compression string        // gzip, zlib or none; UDP only
	Level       int           // of the compression
	MaxRetries  int           // TCP: attempts to connect again, after which a message is lost
	RetryDelay  time.Duration // TCP: between them
}

// GELFOf reads the options of driver gelf.
func GELFOf(opts map[string]string) (*GELFConfig, error) {
	c := &GELFConfig{Compression: "gzip", Level: flate.BestSpeed, MaxRetries: 3, RetryDelay: time.Second}
	if err := c.endpoint(opts[gelfAddress]); err != nil {
		return nil, err
	}
	if v, ok := opts[gelfType]; ok {
		if c.Network != "udp" {
			return nil, errors.New("compression is only supported on UDP")
		}
		if v != "gzip" && v != "zlib" && v != "none" {
			return nil, fmt.Errorf("unknown value %q for log opt %q for gelf log driver", v, gelfType)
		}
		c.Compression = v
	}
	if v, ok := opts[gelfLevel]; ok {
		if c.Network != "udp" {
			return nil, errors.New("compression is only supported on UDP")
		}
		n, err := strconv.Atoi(v)
		if err != nil || n < flate.DefaultCompression || n > flate.BestCompression {
			return nil, fmt.Errorf("unknown value %q for log opt %q for gelf log driver", v, gelfLevel)
		}
		c.Level = n
	}
	for _, key := range []string{gelfRetries, gelfDelay} {
		v, ok := opts[key]
		if !ok {
			continue
		}
		if c.Network != "tcp" {
			return nil, fmt.Errorf("%q is only valid for TCP", key)
		}
		n, err := strconv.Atoi(v)
		if err != nil || n < 0 {
			return nil, fmt.Errorf("%q must be a positive integer", key)
		}
		if key == gelfRetries {
			c.MaxRetries = n
		} else {
			c.RetryDelay = time.Duration(n) * time.Second
		}
	}
	return c, nil
}

func (c *GELFConfig) endpoint(address string) error {
	if address == "" {
		return errors.New("gelf-address is a required parameter")
	}
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	if u.Scheme != "udp" && u.Scheme != "tcp" {
		return errors.New("gelf: endpoint needs to be TCP or UDP")
	}
	if _, _, err := net.SplitHostPort(u.Host); err != nil {
		return errors.New("gelf: please provide gelf-address as proto://host:port")
	}
	c.Network, c.Address = u.Scheme, u.Host
	return nil
}
