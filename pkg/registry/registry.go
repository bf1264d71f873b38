// Package registry decides how a registry is reached: which hosts stand in for
// it, over which scheme, with whose certificates and credentials. Pulls, pushes
// and builds all ask the one Resolver.
package registry

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/containerd/containerd/v2/core/remotes/docker/config"
	creference "github.com/containerd/containerd/v2/pkg/reference"
	"github.com/containerd/errdefs"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/pelletier/go-toml/v2"
)

// maxRedirects is how many redirects one request follows, as Go's own client does.
const maxRedirects = 10

// Config is what the user decided about registries.
type Config struct {
	// HostsDirs are folders with a sub-folder for each registry, holding
	// hosts.toml or certificates. The first that knows a registry counts.
	HostsDirs []string
	// DockerConfigDir holds Docker's config.json. Empty: no credentials.
	DockerConfigDir string
	// Insecure registries, "host" or "host:port", are reached over plain HTTP
	// where TLS fails, and their certificates are not verified. "*" is all.
	Insecure []string
	// UserAgent is sent with each request.
	UserAgent string
}

// DefaultHostsDirs are the folders searched when the user names none: nerd's
// own below the user's configuration folder, containerd's and Docker's.
func DefaultHostsDirs(userConfig string) []string {
	dirs := []string{"/etc/containerd/certs.d", "/etc/docker/certs.d"}
	if userConfig != "" {
		dirs = append([]string{filepath.Join(userConfig, "nerd", "certs.d")}, dirs...)
	}
	return dirs
}

// Resolver finds the hosts of a registry. It reads no file before it is used,
// and is safe for concurrent use.
type Resolver struct {
	cfg Config

	once sync.Once
	file *configfile.ConfigFile
	err  error
}

// Insecure is the resolver for all registries as if they were listed as insecure.
func (r *Resolver) Insecure() *Resolver {
	cfg := r.cfg
	cfg.Insecure = append(slices.Clone(cfg.Insecure), "*")
	return New(cfg)
}

// New makes a resolver.
func New(cfg Config) *Resolver { return &Resolver{cfg: cfg} }

// Remote resolves and fetches references, with the mirrors and credentials that
// the configuration gives for their registries.
func (r *Resolver) Remote(ctx context.Context) remotes.Resolver {
	return closeted{docker.NewResolver(docker.ResolverOptions{Hosts: r.Hosts(ctx), Headers: r.header()})}
}

// Pusher sends content to the repository of a full reference. The tracker tells
// which blobs had been there, and which were mounted from elsewhere.
func (r *Resolver) Pusher(ctx context.Context, ref string) (remotes.Pusher, docker.StatusTracker, error) {
	spec, err := creference.Parse(ref)
	if err != nil {
		return nil, nil, err
	}
	domain, repo, _ := strings.Cut(spec.Locator, "/")
	all, err := r.Hosts(ctx)(domain)
	if err != nil {
		return nil, nil, err
	}
	tracker := docker.NewInMemoryTracker()
	same := func(string) ([]docker.RegistryHost, error) { return all, nil } // one token serves all
	manifests, err := docker.NewResolver(docker.ResolverOptions{Hosts: same, Headers: r.header(), Tracker: tracker}).Pusher(ctx, ref)
	if err != nil {
		return nil, nil, err
	}
	for _, h := range all {
		if h.Capabilities.Has(docker.HostCapabilityPush) {
			return &pusher{Pusher: manifests, host: h, repo: repo, domain: domain, spec: spec, tracker: tracker, pause: sleep}, tracker, nil
		}
	}
	return nil, nil, errorf(errdefs.ErrFailedPrecondition, "no host that is configured for registry %s takes pushes", domain)
}

func (r *Resolver) header() http.Header {
	header := http.Header{}
	if r.cfg.UserAgent != "" {
		header.Set("User-Agent", r.cfg.UserAgent)
	}
	return header
}

// Hosts gives, for a registry, the hosts to try in turn.
func (r *Resolver) Hosts(ctx context.Context) docker.RegistryHosts {
	return func(domain string) ([]docker.RegistryHost, error) {
		hosts, err := r.configured(ctx, domain, bindRedirects)
		if err == nil {
			guard(hosts, r.insecure(domain))
			bePatient(hosts)
		}
		return hosts, err
	}
}

func (r *Resolver) insecure(domain string) bool {
	return slices.Contains(r.cfg.Insecure, domain) || slices.Contains(r.cfg.Insecure, "*")
}

// hostDir is the folder that configures a registry. A hosts.toml that does not
// parse is an error: ignoring it could send a request past the mirror, or past
// the certificates, that the user wanted.
func (r *Resolver) hostDir(host string) (string, error) {
	for _, root := range r.cfg.HostsDirs {
		dir, err := config.HostDirFromRoot(root)(host)
		if errdefs.IsNotFound(err) {
			continue
		}
		if err != nil {
			return "", err
		}
		return dir, checkHostsFile(filepath.Join(dir, "hosts.toml"))
	}
	return "", errdefs.ErrNotFound
}

func checkHostsFile(path string) error {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var doc map[string]any
	if err := toml.Unmarshal(data, &doc); err != nil {
		return fmt.Errorf("%s: %w: %w", path, err, errdefs.ErrInvalidArgument)
	}
	return nil
}

// bindRedirects takes the credentials off a request that is redirected to
// another host or port. Go's client compares names without ports and lets
// sub-domains pass, which is not enough: a blob store is not the registry.
func bindRedirects(c *http.Client) error {
	c.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		if len(via) >= maxRedirects {
			return fmt.Errorf("stopped after %d redirects", maxRedirects)
		}
		if first := via[0].URL; req.URL.Host != first.Host || req.URL.Scheme != first.Scheme {
			if isForm(via[0]) { // it has the password in its body, which would be sent again
				return errorf(errdefs.ErrPermissionDenied, "%s passes a request for a token on to %s, which credentials are not for", first.Host, req.URL.Host)
			}
			req.Header.Del("Authorization")
			req.Header.Del("Cookie")
		}
		return nil
	}
	return nil
}
