package build

import (
	"context"
	"errors"
	"os"

	"github.com/docker/cli/cli/config/types"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/auth/authprovider"
	"github.com/moby/buildkit/session/secrets"
	"github.com/moby/buildkit/session/secrets/secretsprovider"
	"github.com/moby/buildkit/session/sshforward/sshprovider"

	"github.com/nerd-cli/nerd/pkg/build/spec"
)

// sshSocket is where an agent is found that is not named.
const sshSocket = "SSH_AUTH_SOCK"

// credentials hands the builder those of a registry when it asks for them.
func (b *Builder) credentials() session.Attachable {
	return authprovider.NewDockerAuthProvider(authprovider.DockerAuthProviderConfig{
		AuthConfigProvider: func(_ context.Context, host string, _ []string, _ authprovider.ExpireCachedAuthCheck) (types.AuthConfig, error) {
			user, secret, err := b.cfg.Registry.Credentials(host)
			if err != nil {
				return types.AuthConfig{}, err
			}
			if user == "" {
				return types.AuthConfig{ServerAddress: host, IdentityToken: secret}, nil
			}
			return types.AuthConfig{ServerAddress: host, Username: user, Password: secret}, nil
		},
	})
}

// addSecrets offers the secrets. A file is checked now, read when a step asks.
func (j *job) addSecrets() error {
	if len(j.opts.Secrets) == 0 {
		return nil
	}
	var sources []secretsprovider.Source
	given := map[string][]byte{}
	for _, s := range j.opts.Secrets {
		if s.Value != nil {
			given[s.ID] = s.Value
			continue
		}
		if s.File != "" {
			if err := checkSecret(s); err != nil {
				return err
			}
		}
		sources = append(sources, secretsprovider.Source{ID: s.ID, FilePath: s.File, Env: s.Env})
	}
	store, err := secretsprovider.NewStore(sources)
	if err != nil {
		return err
	}
	j.solve.Session = append(j.solve.Session, secretsprovider.NewSecretProvider(secretStore{given, store}))
	return nil
}

// secretStore knows values beside the files and variables of another store.
type secretStore struct {
	given  map[string][]byte
	others secrets.SecretStore
}

// GetSecret gives the value of a secret to a step that asks for it.
func (s secretStore) GetSecret(ctx context.Context, id string) ([]byte, error) {
	if value, ok := s.given[id]; ok {
		return value, nil
	}
	return s.others.GetSecret(ctx, id)
}

func checkSecret(s spec.Secret) error {
	info, err := os.Stat(s.File)
	if errors.Is(err, os.ErrNotExist) {
		return errorf(os.ErrNotExist, "secret %s: failed to stat %s: no such file or directory", s.ID, s.File)
	}
	if err != nil {
		return err
	}
	if info.IsDir() {
		return invalid("secret %s: %s is a folder", s.ID, s.File)
	}
	return nil
}

// addSSH offers agents and keys.
func (j *job) addSSH() error {
	var agents []sshprovider.AgentConfig
	for _, s := range j.opts.SSH {
		if len(s.Paths) == 0 {
			socket, ok := j.opts.Env(sshSocket)
			if !ok || socket == "" {
				return invalid("invalid empty ssh agent socket: make sure %s is set", sshSocket)
			}
			s.Paths = []string{socket}
		}
		agents = append(agents, sshprovider.AgentConfig{ID: s.ID, Paths: s.Paths})
	}
	if len(agents) == 0 {
		return nil
	}
	provider, err := sshprovider.NewSSHAgentProvider(agents)
	if err != nil {
		return err
	}
	j.solve.Session = append(j.solve.Session, provider)
	return nil
}
