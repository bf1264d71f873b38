// Package contexts keeps named ways to a containerd: its address or the machine
// it is on, a namespace and the folders. They follow Docker's contexts, in a
// folder of nerd's own, for a Docker context leads to a Docker engine.
package contexts

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/containerd/errdefs"

	"github.com/nerd-cli/nerd/pkg/errs"
)

// Default is the context that is always there: the configuration without one.
const Default = "default"

// Context is a named set of settings. What is empty is left to the configuration.
type Context struct {
	Name        string
	Description string
	// Host is the path of containerd's socket, or ssh://[USER@]HOST[:PORT] for a
	// machine on which nerd is run.
	Host        string
	Namespace   string
	DataRoot    string
	RunRoot     string
	Snapshotter string
}

// document is the file of a context, in the shape of Docker's meta.json.
type document struct {
	Name      string
	Metadata  metadata
	Endpoints map[string]endpoint
}

type metadata struct {
	Description string `json:",omitempty"`
	Namespace   string `json:",omitempty"`
	DataRoot    string `json:",omitempty"`
	RunRoot     string `json:",omitempty"`
	Snapshotter string `json:",omitempty"`
}

type endpoint struct {
	Host string `json:",omitempty"`
}

// endpointName is the endpoint that Docker's tools look at.
const endpointName = "docker"

// Store is a folder of contexts: one file for each, and the name of the current
// one. Without a folder there is the default context alone.
type Store struct{ Dir string }

// CheckName wants a name as Docker wants it: it becomes the name of a file.
func CheckName(name string) error {
	if name == Default {
		return errs.Errorf(errdefs.ErrInvalidArgument, "%q is a reserved context name", Default)
	}
	letter := func(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' }
	bad := len(name) < 2 || len(name) > 128 || !letter(rune(name[0])) || strings.ContainsFunc(name, func(r rune) bool {
		return !letter(r) && !strings.ContainsRune("_.+-", r)
	})
	if bad {
		return errs.Errorf(errdefs.ErrInvalidArgument, "context name %q is invalid: use two or more letters, digits and _.+-, a letter or digit first", name)
	}
	return nil
}

// CheckHost wants the path of a socket or the address of a machine, and returns
// it as Context.Host keeps it.
func CheckHost(host string) (string, error) {
	scheme, rest, found := strings.Cut(host, "://")
	switch {
	case host == "":
		return "", nil
	case !found && filepath.IsAbs(host):
		return host, nil
	case scheme == "unix" && filepath.IsAbs(rest):
		return rest, nil
	case scheme == "ssh":
		u, err := url.Parse(host)
		if err != nil || u.Hostname() == "" || strings.HasPrefix(u.Hostname(), "-") || strings.HasPrefix(u.User.Username(), "-") {
			return "", errs.Errorf(errdefs.ErrInvalidArgument, "host %q: give ssh://[USER@]HOST[:PORT]", host)
		}
		if _, set := u.User.Password(); set || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
			return "", errs.Errorf(errdefs.ErrInvalidArgument, "host %q: give ssh://[USER@]HOST[:PORT] and nothing else", u.Redacted())
		}
		return strings.TrimSuffix(host, "/"), nil
	}
	return "", errs.Errorf(errdefs.ErrInvalidArgument, "host %q: only the path of a unix socket and ssh://[USER@]HOST[:PORT] can be used", host)
}

// Get returns a context.
func (s Store) Get(name string) (Context, error) {
	if name == Default {
		return Context{Name: Default}, nil
	}
	if err := CheckName(name); err != nil {
		return Context{}, err
	}
	data, err := os.ReadFile(s.path(name))
	if errors.Is(err, fs.ErrNotExist) || s.Dir == "" {
		return Context{}, errs.Errorf(errdefs.ErrNotFound, "context %q: context not found", name)
	}
	if err != nil {
		return Context{}, err
	}
	c, err := decode(data)
	if err != nil {
		return Context{}, fmt.Errorf("%s: %w", s.path(name), err)
	}
	c.Name = name
	return c, nil
}

// List returns all contexts by name, the default one among them. A file that
// cannot be read is skipped and among the errors.
func (s Store) List() ([]Context, error) {
	out := []Context{{Name: Default}}
	entries, err := os.ReadDir(s.Dir)
	if err != nil && s.Dir != "" && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var failed []error
	for _, entry := range entries {
		name, isContext := strings.CutSuffix(entry.Name(), ".json")
		if !isContext {
			continue
		}
		c, err := s.Get(name)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b Context) int { return strings.Compare(a.Name, b.Name) })
	return out, errors.Join(failed...)
}

// Create keeps a new context.
func (s Store) Create(c Context) error {
	if err := CheckName(c.Name); err != nil {
		return err
	}
	return s.write(c, true)
}

// Update replaces a context that is there.
func (s Store) Update(c Context) error {
	if _, err := s.Get(c.Name); err != nil {
		return err
	}
	return s.write(c, false)
}

// Remove forgets a context. The current one is removed by force alone, and then
// the default is the current one.
func (s Store) Remove(name string, force bool) error {
	if name == Default {
		return errs.Errorf(errdefs.ErrInvalidArgument, "context %q cannot be removed", Default)
	}
	if err := CheckName(name); err != nil {
		return err
	}
	current, err := s.Current()
	if err != nil {
		return err
	}
	if current == name {
		if !force {
			return errs.Errorf(errdefs.ErrFailedPrecondition, "context %q is in use, set -f flag to force remove", name)
		}
		if err := s.Use(Default); err != nil {
			return err
		}
	}
	err = os.Remove(s.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		if force {
			return nil
		}
		return errs.Errorf(errdefs.ErrNotFound, "context %q does not exist", name)
	}
	return err
}

// Current is the name of the context that is used where none is asked for.
func (s Store) Current() (string, error) {
	data, err := os.ReadFile(s.current())
	if errors.Is(err, fs.ErrNotExist) || s.Dir == "" {
		return Default, nil
	}
	if err != nil {
		return "", err
	}
	if name := strings.TrimSpace(string(data)); name != "" {
		return name, nil
	}
	return Default, nil
}

// Use makes a context the current one.
func (s Store) Use(name string) error {
	if name == Default {
		err := os.Remove(s.current())
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	if _, err := s.Get(name); err != nil {
		return err
	}
	return replace(s.current(), []byte(name+"\n"))
}

// Path is the file of a context; empty for the default one.
func (s Store) Path(name string) string {
	if name == Default {
		return ""
	}
	return s.path(name)
}

func (s Store) path(name string) string { return filepath.Join(s.Dir, name+".json") }
func (s Store) current() string         { return filepath.Join(s.Dir, "current") }

func (s Store) write(c Context, exclusive bool) error {
	if s.Dir == "" {
		return errors.New("no folder for contexts: set HOME or XDG_CONFIG_HOME")
	}
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return err
	}
	data, err := encode(c)
	if err != nil {
		return err
	}
	if !exclusive {
		return replace(s.path(c.Name), data)
	}
	// A link is made whole or not at all, and never over another context.
	tmp, err := temporary(s.path(c.Name), data)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp) }()
	if err := os.Link(tmp, s.path(c.Name)); errors.Is(err, fs.ErrExist) {
		return errs.Errorf(errdefs.ErrAlreadyExists, "context %q already exists", c.Name)
	} else if err != nil {
		return err
	}
	return nil
}

func replace(path string, data []byte) error {
	tmp, err := temporary(path, data)
	if err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

// temporary writes data beside path. Its name is not one of a context.
func temporary(path string, data []byte) (string, error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-")
	if err != nil {
		return "", err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}

func encode(c Context) ([]byte, error) {
	host := c.Host
	if filepath.IsAbs(host) {
		host = "unix://" + host
	}
	return json.Marshal(document{
		Name:      c.Name,
		Metadata:  metadata{c.Description, c.Namespace, c.DataRoot, c.RunRoot, c.Snapshotter},
		Endpoints: map[string]endpoint{endpointName: {Host: host}},
	})
}

func decode(data []byte) (Context, error) {
	var d document
	if err := json.Unmarshal(data, &d); err != nil {
		return Context{}, err
	}
	host, err := CheckHost(d.Endpoints[endpointName].Host)
	if err != nil {
		return Context{}, err
	}
	m := d.Metadata
	return Context{d.Name, m.Description, host, m.Namespace, m.DataRoot, m.RunRoot, m.Snapshotter}, nil
}
