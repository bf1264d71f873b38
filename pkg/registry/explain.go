package registry

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"

	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/containerd/containerd/v2/core/remotes/docker/config"
	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
)

// Host is one that is asked for an image, and how. It holds no secret.
type Host struct {
	URL          string
	Mirror       bool     // asked before the registry itself
	Capabilities []string // pull, resolve, push
	Verified     bool     // its certificate is
	PlainHTTP    bool     // alone, or where TLS fails
	PrivateCA    bool     // authorities besides the system's
	ClientCert   string   // subject of the certificate shown to it; empty: none
	User         string   // it is logged in as; "<token>" for an identity token, empty: nobody
	Source       string   // where the credentials are kept
}

// Plan is how an image is reached.
type Plan struct {
	Image  string // full reference
	Folder string // that configures the registry; empty: none
	Hosts  []Host // in the order in which they are asked
}

// Plan tells how an image would be reached. Nothing is asked.
func (r *Resolver) Plan(ctx context.Context, ref reference.Named) (*Plan, error) {
	domain := reference.Domain(ref)
	out := &Plan{Image: ref.String()}
	folder, err := r.hostDir(domain)
	if err != nil && !errdefs.IsNotFound(err) {
		return nil, err
	}
	out.Folder = folder
	secured := map[*http.Client]*tls.Config{}
	hosts, err := r.configured(ctx, domain, func(c *http.Client) error {
		if t, ok := c.Transport.(*http.Transport); ok {
			secured[c] = t.TLSClientConfig
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i, h := range hosts {
		host, err := r.describe(h, secured[h.Client])
		if err != nil {
			return nil, err
		}
		host.Mirror = i < len(hosts)-1
		out.Hosts = append(out.Hosts, host)
	}
	return out, nil
}

func (r *Resolver) describe(h docker.RegistryHost, secured *tls.Config) (Host, error) {
	out := Host{URL: h.Scheme + "://" + h.Host + h.Path}
	for _, c := range []struct {
		has  docker.HostCapabilities
		name string
	}{{docker.HostCapabilityResolve, "resolve"}, {docker.HostCapabilityPull, "pull"}, {docker.HostCapabilityPush, "push"}} {
		if h.Capabilities.Has(c.has) {
			out.Capabilities = append(out.Capabilities, c.name)
		}
	}
	_, plain := h.Client.Transport.(*http.Transport)
	out.PlainHTTP = h.Scheme == "http" || !plain // else it is wrapped by the way out
	if secured != nil && h.Scheme == "https" {
		out.Verified, out.PrivateCA = !secured.InsecureSkipVerify, secured.RootCAs != nil
		if len(secured.Certificates) > 0 {
			out.ClientCert = subject(secured.Certificates[0])
		}
	}
	user, secret, err := r.credentials(h.Host)
	if err != nil {
		return out, err
	}
	if secret != "" {
		if out.User = user; user == "" {
			out.User = "<token>"
		}
		out.Source, err = r.source(h.Host)
	}
	return out, err
}

func subject(c tls.Certificate) string {
	leaf := c.Leaf
	if leaf == nil && len(c.Certificate) > 0 {
		var err error
		if leaf, err = x509.ParseCertificate(c.Certificate[0]); err != nil {
			return "unreadable"
		}
	}
	if leaf == nil {
		return ""
	}
	return leaf.Subject.String()
}

// source names where the credentials for a host come from.
func (r *Resolver) source(host string) (string, error) {
	file, err := r.dockerConfig()
	if err != nil {
		return "", err
	}
	key := configKey(host)
	helper := file.CredentialsStore
	if h := file.CredentialHelpers[key]; h != "" {
		helper = h
	}
	if helper != "" {
		return "docker-credential-" + helper, nil
	}
	return file.Filename, nil
}

// configKey is a host's key in Docker's config.json.
func configKey(host string) string {
	if host == hubDomain || host == hubHost {
		return hubKey
	}
	return host
}

// configured are the hosts of a registry, each client as update leaves it.
func (r *Resolver) configured(ctx context.Context, domain string, update config.UpdateClientFunc) ([]docker.RegistryHost, error) {
	opts := config.HostOptions{HostDir: r.hostDir, Credentials: r.credentials, UpdateClient: update}
	if r.insecure(domain) {
		opts.DefaultScheme = "http"
		opts.DefaultTLS = insecureTLS()
	}
	// What the library cannot use of a hosts.toml it logs, and goes past the mirror.
	ctx, complaints := heard(ctx)
	hosts, err := config.ConfigureHosts(ctx, opts)(domain)
	if err := cmp.Or(err, complaints.first); err != nil {
		return nil, err
	}
	if len(hosts) == 0 {
		return nil, errorf(errdefs.ErrFailedPrecondition, "the folder for registry %s configures no host", domain)
	}
	return hosts, nil
}
