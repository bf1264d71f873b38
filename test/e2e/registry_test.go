package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// What the registry that asks for a password accepts: the hash is of the password.
const (
	registryUser     = "alice"
	registryPassword = "open sesame"
	registryHtpasswd = "alice:$2b$05$abcdefghijklmnopqrstuupx2xBUC4954936wVIjyyPHmUBFu0wCW\n"
)

// registry is a running docker-registry.
type registry struct {
	addr  string
	dir   string // of its files; certificates and keys of clients among them
	kind  string
	cmd   *exec.Cmd
	close func() // ends what else belongs to it
	// tokens are what a registry that wants them believes; nil for the others.
	tokens *tokenServer
}

// registry starts a registry, once per run and kind: "" is open to all, "auth"
// wants a password, "token" a token of a server of its own, and "tls" is reached by
// TLS and wants a certificate of its clients.
func (e *environment) registry(kind string) (*registry, error) {
	e.registryLock.Lock()
	defer e.registryLock.Unlock()
	if r := e.registries[kind]; r != nil {
		return r, nil
	}
	r, err := startRegistry(e.dir, kind)
	if err == nil {
		e.registries[kind] = r
	}
	return r, err
}

func (e *environment) stopRegistries() {
	for _, r := range e.registries {
		_ = r.cmd.Process.Kill() // it may have ended by itself
		_ = r.cmd.Wait()
		r.close()
	}
}

// startRegistry runs Debian's docker-registry on a port of 127.0.0.1.
func startRegistry(dir, kind string) (*registry, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	r := &registry{addr: "127.0.0.1:" + port, kind: kind, dir: filepath.Join(dir, "registry-"+port), close: func() {}}
	if err := os.MkdirAll(r.dir, 0o755); err != nil {
		return nil, err
	}
	file, err := r.configure()
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(r.dir, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	r.cmd = exec.Command("docker-registry", "serve", file)
	r.cmd.Stdout, r.cmd.Stderr = log, log
	if err := r.cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start a registry (Debian's package is docker-registry): %w", err)
	}
	return r, poll(30*time.Second, func() error {
		conn, err := net.Dial("tcp", r.addr)
		if err != nil {
			return err
		}
		return conn.Close()
	})
}

// configure writes the registry's configuration, and what belongs to it.
func (r *registry) configure() (file string, err error) {
	config := fmt.Sprintf("version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s/data}, delete: {enabled: true}}\n", r.dir)
	listen := fmt.Sprintf("addr: %q", r.addr)
	switch r.kind {
	case "auth":
		htpasswd := filepath.Join(r.dir, "htpasswd")
		if err := os.WriteFile(htpasswd, []byte(registryHtpasswd), 0o644); err != nil {
			return "", err
		}
		config += fmt.Sprintf("auth: {htpasswd: {realm: e2e, path: %s}}\n", htpasswd)
	case "tls":
		if _, err := newCertificates(r.dir, "ca", "server", "client"); err != nil {
			return "", err
		}
		listen += fmt.Sprintf(", tls: {certificate: %[1]s/server.crt, key: %[1]s/server.key, clientcas: [%[1]s/ca.crt]}", r.dir)
	case "token":
		keys, err := newCertificates(r.dir, "ca", "tokens")
		if err != nil {
			return "", err
		}
		r.tokens = &tokenServer{keys["tokens"]}
		server := httptest.NewServer(r.tokens)
		r.close = server.Close
		config += fmt.Sprintf("auth: {token: {realm: %q, service: e2e, issuer: e2e, rootcertbundle: %s/ca.crt}}\n", server.URL+"/token", r.dir)
	}
	file = filepath.Join(r.dir, "config.yml")
	return file, os.WriteFile(file, []byte(config+"http: {"+listen+"}\n"), 0o644)
}

// push copies the archive into the registry as ref.
func (r *registry) push(ctx context.Context, archive, ref string) error {
	dst, err := name.ParseReference(ref, name.Insecure)
	if err != nil {
		return err
	}
	img, err := tarball.ImageFromPath(archive, nil)
	if err != nil {
		return err
	}
	options := []remote.Option{remote.WithContext(ctx)}
	switch r.kind {
	case "auth":
		options = append(options, remote.WithAuth(&authn.Basic{Username: registryUser, Password: registryPassword}))
	case "token":
		token, err := r.tokens.token(registryUser, []string{"repository:" + dst.Context().RepositoryStr() + ":pull,push"})
		if err != nil {
			return err
		}
		options = append(options, remote.WithTransport(bearer(token)))
	case "tls":
		if dst, err = name.ParseReference(ref); err != nil {
			return err
		}
		transport, err := clientTransport(r.dir)
		if err != nil {
			return err
		}
		options = append(options, remote.WithTransport(transport))
	}
	return remote.Write(dst, img, options...)
}

// poll repeats f until it succeeds or the time is up.
func poll(limit time.Duration, f func() error) error {
	deadline := time.Now().Add(limit)
	for {
		err := f()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(25 * time.Millisecond)
	}
}
