package registry

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	cliconfig "github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/configfile"
)

// Names of Docker Hub: in references, on the wire, and in config.json.
const (
	hubDomain = "docker.io"
	hubHost   = "registry-1.docker.io"
	hubKey    = "https://index.docker.io/v1/"
)

// credentials are the user name and secret for one host, with its port. An
// empty user name with a secret is an identity token. Both are empty if there
// are none.
func (r *Resolver) credentials(host string) (user, secret string, err error) {
	if r.cfg.DockerConfigDir == "" {
		return "", "", nil
	}
	file, err := r.dockerConfig()
	if err != nil {
		return "", "", err
	}
	key := configKey(host)
	auth, err := file.GetAuthConfig(key)
	if err != nil {
		return "", "", fmt.Errorf("credentials for %s: %w", host, namesHelper(file, key, err))
	}
	switch {
	case auth.IdentityToken != "":
		return "", auth.IdentityToken, nil
	case auth.RegistryToken != "":
		return "", auth.RegistryToken, nil
	}
	return auth.Username, auth.Password, nil
}

// namesHelper says which credential helper is missing where Docker's package
// reports only that some program cannot be found.
func namesHelper(file *configfile.ConfigFile, key string, err error) error {
	helper := file.CredentialsStore
	if h := file.CredentialHelpers[key]; h != "" {
		helper = h
	}
	if helper == "" {
		return err
	}
	program := "docker-credential-" + helper
	if _, lookErr := exec.LookPath(program); lookErr != nil {
		return fmt.Errorf("the credential helper %s is not on PATH: %w", program, errors.Unwrap(lookErr))
	}
	return fmt.Errorf("%s: %w", program, err)
}

func (r *Resolver) dockerConfig() (*configfile.ConfigFile, error) {
	r.once.Do(func() {
		r.file, r.err = cliconfig.Load(r.cfg.DockerConfigDir)
		if r.err != nil {
			r.err = fmt.Errorf("%s: %w", r.cfg.DockerConfigDir, r.err)
		}
	})
	return r.file, r.err
}

// insecureTLS accepts any certificate: the user listed the registry as insecure.
func insecureTLS() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true} //nolint:gosec // asked for by name
}

// Endpoint is the host a reference's domain is served by when no mirror is
// configured.
func Endpoint(domain string) string {
	if strings.EqualFold(domain, hubDomain) {
		return hubHost
	}
	return domain
}

// Credentials are the user name and the secret for a host, "host" or
// "host:port". An empty user name with a secret is an identity token; both are
// empty if there are none.
func (r *Resolver) Credentials(host string) (user, secret string, err error) {
	return r.credentials(host)
}
