package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"

	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/containerd/containerd/v2/core/remotes/docker/config"
	"github.com/containerd/errdefs"
	"github.com/pelletier/go-toml/v2"
)

// registryHosts finds the hosts of a registry as nerd pull does: mirrors and
// certificates of hosts.toml, plain HTTP where a registry is said to be insecure
// or is this machine. Credentials are the client's, who is asked for them.
func registryHosts(n nerdSettings) docker.RegistryHosts {
	return func(domain string) ([]docker.RegistryHost, error) {
		opts := config.HostOptions{
			HostDir:      func(host string) (string, error) { return hostDir(n.HostsDirs, host) },
			UpdateClient: bindRedirects,
		}
		if slices.Contains(n.Insecure, domain) || slices.Contains(n.Insecure, "*") {
			opts.DefaultScheme = "http"
			opts.DefaultTLS = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // the user says that it is
		}
		return config.ConfigureHosts(context.Background(), opts)(domain)
	}
}

// hostDir is the first folder that knows a registry.
func hostDir(roots []string, host string) (string, error) {
	for _, root := range roots {
		dir, err := config.HostDirFromRoot(root)(host)
		if errdefs.IsNotFound(err) {
			continue
		}
		if err != nil {
			return "", err
		}
		return dir, check(filepath.Join(dir, "hosts.toml"))
	}
	return "", errdefs.ErrNotFound
}

// check refuses a file that cannot be read, which would be passed over.
func check(path string) error {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var doc map[string]any
	if err == nil {
		err = toml.Unmarshal(data, &doc)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// bindRedirects keeps credentials from a host that a registry redirects to.
func bindRedirects(c *http.Client) error {
	c.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		if len(via) >= 10 {
			return errors.New("stopped after 10 redirects")
		}
		if first := via[0].URL; req.URL.Host != first.Host || req.URL.Scheme != first.Scheme {
			req.Header.Del("Authorization")
			req.Header.Del("Cookie")
		}
		return nil
	}
	return nil
}
