package e2e

import (
	"context"
	"fmt"
	"net/http"
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
	addr string
	auth bool
	cmd  *exec.Cmd
}

// registry starts a registry, once per run and kind.
func (e *environment) registry(auth bool) (*registry, error) {
	e.registryLock.Lock()
	defer e.registryLock.Unlock()
	if r := e.registries[auth]; r != nil {
		return r, nil
	}
	r, err := startRegistry(e.dir, auth)
	if err == nil {
		e.registries[auth] = r
	}
	return r, err
}

func (e *environment) stopRegistries() {
	for _, r := range e.registries {
		_ = r.cmd.Process.Kill() // it may have ended by itself
		_ = r.cmd.Wait()
	}
}

// startRegistry runs Debian's docker-registry on a port of 127.0.0.1.
func startRegistry(dir string, auth bool) (*registry, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	r := &registry{addr: "127.0.0.1:" + port, auth: auth}
	dir = filepath.Join(dir, "registry-"+port)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	config := fmt.Sprintf("version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s/data}, delete: {enabled: true}}\nhttp: {addr: %q}\n", dir, r.addr)
	if auth {
		htpasswd := filepath.Join(dir, "htpasswd")
		if err := os.WriteFile(htpasswd, []byte(registryHtpasswd), 0o644); err != nil {
			return nil, err
		}
		config += fmt.Sprintf("auth: {htpasswd: {realm: e2e, path: %s}}\n", htpasswd)
	}
	file := filepath.Join(dir, "config.yml")
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	r.cmd = exec.Command("docker-registry", "serve", file)
	r.cmd.Stdout, r.cmd.Stderr = log, log
	if err := r.cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start a registry (Debian's package is docker-registry): %w", err)
	}
	return r, poll(10*time.Second, func() error {
		resp, err := http.Get("http://" + r.addr + "/v2/")
		if err != nil {
			return err
		}
		return resp.Body.Close()
	})
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
	login := authn.Anonymous
	if r.auth {
		login = &authn.Basic{Username: registryUser, Password: registryPassword}
	}
	return remote.Write(dst, img, remote.WithContext(ctx), remote.WithAuth(login))
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
