package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"

	"github.com/containerd/containerd/v2/core/remotes/docker"
	remoteerrors "github.com/containerd/containerd/v2/core/remotes/errors"
	"github.com/containerd/errdefs"
	"github.com/docker/cli/cli/config/credentials"
	clitypes "github.com/docker/cli/cli/config/types"
)

// Server is a registry as the user of login and logout names it.
type Server struct {
	Name string // as messages show it
	Host string // host, and port if given
	key  string // in Docker's config.json
}

// ParseServer reads the name of a registry, with or without a scheme; empty is
// Docker Hub.
func ParseServer(text string) (Server, error) {
	if text == "" || text == hubDomain || strings.HasPrefix(text, "https://index.docker.io") || text == "index.docker.io" {
		return Server{Name: hubKey, Host: hubHost, key: hubKey}, nil
	}
	host := credentials.ConvertToHostname(text)
	if u, err := url.Parse("//" + host); err != nil || u.Host != host || host == "" {
		return Server{}, errorf(errdefs.ErrInvalidArgument, "invalid registry %q: HOST[:PORT] is expected", text)
	}
	return Server{Name: host, Host: host, key: host}, nil
}

// Stored is the user name that is kept for a server, empty if there is none.
func (r *Resolver) Stored(s Server) (string, error) {
	file, err := r.dockerConfig()
	if err != nil {
		return "", err
	}
	auth, err := file.GetAuthConfig(s.key)
	if err != nil {
		return "", fmt.Errorf("credentials for %s: %w", s.Name, namesHelper(file, s.key, err))
	}
	return auth.Username, nil
}

// Login checks credentials with a server and keeps them where Docker's
// configuration says. With an empty secret those that are kept are checked. It
// tells whether they lie unencrypted in a file, and in which.
func (r *Resolver) Login(ctx context.Context, s Server, user, secret string) (plainFile string, err error) {
	file, err := r.dockerConfig()
	if err != nil {
		return "", err
	}
	auth := clitypes.AuthConfig{ServerAddress: s.key, Username: user, Password: secret}
	if secret == "" {
		if auth, err = file.GetAuthConfig(s.key); err != nil {
			return "", fmt.Errorf("credentials for %s: %w", s.Name, namesHelper(file, s.key, err))
		}
		auth.ServerAddress = s.key
	}
	token, err := r.check(ctx, s, auth)
	if err != nil {
		return "", err
	}
	if token != "" { // the registry prefers to see this from now on
		auth.Password, auth.IdentityToken = "", token
	}
	if file.CredentialsStore == "" && file.CredentialHelpers[s.key] == "" {
		file.GetAuthConfigs()[s.key] = auth
		return file.Filename, file.Save()
	}
	if err := file.GetCredentialsStore(s.key).Store(auth); err != nil {
		return "", fmt.Errorf("storing credentials for %s: %w", s.Name, namesHelper(file, s.key, err))
	}
	return "", nil
}

// Logout forgets the credentials for a server. It tells whether there were any.
func (r *Resolver) Logout(s Server) (bool, error) {
	file, err := r.dockerConfig()
	if err != nil {
		return false, err
	}
	_, stored := file.AuthConfigs[s.key]
	if !stored && file.CredentialsStore == "" && file.CredentialHelpers[s.key] == "" {
		return false, nil
	}
	if err := file.GetCredentialsStore(s.key).Erase(s.key); err != nil {
		return true, fmt.Errorf("erasing credentials for %s: %w", s.Name, namesHelper(file, s.key, err))
	}
	return true, nil
}

// check asks the server's base endpoint, as the distribution specification has
// it. It gives back the identity token that a token server may issue instead of
// the password.
func (r *Resolver) check(ctx context.Context, s Server, auth clitypes.AuthConfig) (string, error) {
	hosts, err := r.Hosts(ctx)(s.Host)
	if err != nil {
		return "", err
	}
	h := hosts[len(hosts)-1] // mirrors stand before the registry itself
	var mu sync.Mutex
	var token string
	h.Authorizer = docker.NewDockerAuthorizer(
		docker.WithAuthClient(h.Client),
		docker.WithAuthCreds(func(string) (string, string, error) {
			if auth.IdentityToken != "" {
				return "", auth.IdentityToken, nil
			}
			return auth.Username, auth.Password, nil
		}),
		docker.WithFetchRefreshToken(func(_ context.Context, t string, _ *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			token = t
		}),
	)
	u := &url.URL{Scheme: h.Scheme, Host: h.Host, Path: path.Join("/", h.Path) + "/"}
	resp, err := get(ctx, h, u)
	if err != nil {
		return "", explainLogin(s, u, err)
	}
	mu.Lock()
	defer mu.Unlock()
	return token, resp.Body.Close()
}

func explainLogin(s Server, u *url.URL, err error) error {
	var status remoteerrors.ErrUnexpectedStatus
	var own *kindError
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &own):
		return fmt.Errorf("login attempt to %s failed: %w", u, own)
	case errors.Is(err, docker.ErrInvalidAuthorization),
		errors.As(err, &status) && (status.StatusCode == http.StatusUnauthorized || status.StatusCode == http.StatusForbidden):
		return errorf(errdefs.ErrPermissionDenied, "login attempt to %s failed: unauthorized: incorrect username or password", u)
	case unreachable(err):
		return errorf(errdefs.ErrUnavailable, "registry %s cannot be reached: %w", s.Host, root(err))
	}
	return fmt.Errorf("login attempt to %s failed: %w", u, err)
}
