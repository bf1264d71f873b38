package netutil

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"

	"github.com/nerd-cli/nerd/pkg/errs"
	"github.com/nerd-cli/nerd/pkg/state"
)

const conflistSuffix = ".conflist"

// cachedNetwork is a parsed conflist and what tells whether the file is still
// the one that was parsed.
type cachedNetwork struct {
	mod  time.Time
	size int64
	net  *Network
}

// Networks lists every network by name: the conflists in Layout.Networks(), and
// host and none, which need none. One that cannot be read is left out, see Broken.
func (s *Service) Networks(ctx context.Context) ([]Network, error) {
	list, _, err := s.all(ctx)
	return list, err
}

// Broken says what is wrong with each conflist that cannot be read. The other
// networks do not suffer from it.
func (s *Service) Broken(ctx context.Context) []error {
	_, broken, err := s.all(ctx)
	if err != nil {
		return []error{err}
	}
	return broken
}

func (s *Service) all(ctx context.Context) (list []Network, broken []error, err error) {
	list = []Network{hostNetwork(), noneNetwork()}
	for _, dir := range s.networkDirs() {
		names, err := namesIn(dir, conflistSuffix)
		if err != nil {
			return nil, nil, fmt.Errorf("listing networks: %w", err)
		}
		for _, name := range names {
			n, err := s.fromFile(filepath.Join(dir, name+conflistSuffix))
			switch {
			case errors.Is(err, fs.ErrNotExist): // removed since it was listed
			case err != nil:
				broken = append(broken, err)
			case slices.ContainsFunc(list, func(o Network) bool { return o.Name == n.Name }):
				broken = append(broken, fmt.Errorf("network %s in %s: another network has that name", n.Name, n.File))
			default:
				list = append(list, *n)
			}
		}
	}
	slices.SortFunc(list, func(a, b Network) int { return cmpString(a.Name, b.Name) })
	return list, broken, ctx.Err()
}

// networkDirs are the folders with conflists. Only the first is written to.
func (s *Service) networkDirs() []string {
	return append([]string{s.cfg.Layout.Networks()}, s.cfg.ConflistDirs...)
}

// Network is the network of that name, or with that id or beginning of an id. The
// default network need not exist yet: it is made when the first container joins
// it, see EnsureDefault.
func (s *Service) Network(ctx context.Context, ref string) (*Network, error) {
	switch ref {
	case NetworkHost:
		n := hostNetwork()
		return &n, nil
	case NetworkNone:
		n := noneNetwork()
		return &n, nil
	case NetworkBridge, NetworkDefault:
		return s.EnsureDefault(ctx)
	}
	if checkID(ref) != nil {
		return nil, notFoundError(ref)
	}
	n, err := s.fromFile(s.conflistPath(ref))
	if err == nil {
		return n, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return s.search(ctx, ref)
}

// search looks for a network by a name other than that of its file, or by its id.
func (s *Service) search(ctx context.Context, ref string) (*Network, error) {
	list, _, err := s.all(ctx)
	if err != nil {
		return nil, err
	}
	var found []*Network
	for i := range list {
		n := &list[i]
		if n.Name == ref || n.ID == ref {
			return n, nil
		}
		if strings.HasPrefix(n.ID, ref) {
			found = append(found, n)
		}
	}
	switch len(found) {
	case 0:
		return nil, notFoundError(ref)
	case 1:
		return found[0], nil
	}
	return nil, &kindError{fmt.Sprintf("network %s is ambiguous (%d matches found on id prefix)", ref, len(found)), errdefs.ErrInvalidArgument}
}

func notFoundError(ref string) error {
	return &kindError{fmt.Sprintf("network %s not found", ref), errdefs.ErrNotFound}
}

// EnsureDefault is the default network, which it makes if it is not there. The
// subnet is chosen once, when it overlaps nothing on the host, and kept.
func (s *Service) EnsureDefault(ctx context.Context) (n *Network, err error) {
	if n, err = s.fromFile(s.conflistPath(NetworkBridge)); !errors.Is(err, fs.ErrNotExist) {
		return n, err
	}
	l, err := s.networksLock(ctx)
	if err != nil {
		return nil, err
	}
	defer releaseLock(l, &err)
	if n, err = s.fromFile(s.conflistPath(NetworkBridge)); !errors.Is(err, fs.ErrNotExist) {
		return n, err
	}
	if n, err = s.newDefault(ctx); err != nil {
		return nil, fmt.Errorf("making the default network: %w", err)
	}
	return n, nil
}

func (s *Service) newDefault(ctx context.Context) (*Network, error) {
	backend, err := s.host.firewall(ctx)
	if err != nil {
		return nil, err
	}
	subnet, err := s.chooseSubnet(ctx, s.defaultBridge(), s.cfg.Subnets)
	if err != nil {
		return nil, err
	}
	n := &Network{
		Name: NetworkBridge, ID: hash("network", NetworkBridge), CNIName: s.cniName(NetworkBridge), Driver: driverBridge,
		Created: time.Now().UTC(), Bridge: s.defaultBridge(), Firewall: backend,
		Subnets: []Subnet{{Subnet: subnet, Gateway: subnet.Addr().Next()}},
	}
	return s.writeNetwork(n)
}

// writeNetwork makes a network exist.
func (s *Service) writeNetwork(n *Network) (*Network, error) {
	data, err := s.conflist(n)
	if err != nil {
		return nil, err
	}
	path := s.conflistPath(n.Name)
	if err := state.WriteFile(path, data, 0o644); err != nil {
		return nil, err
	}
	return s.fromFile(path)
}

func (s *Service) conflistPath(name string) string {
	return filepath.Join(s.cfg.Layout.Networks(), name+conflistSuffix)
}

// networksLock serialises changes of networks and of their rules on the host.
func (s *Service) networksLock(ctx context.Context) (*state.Lock, error) {
	return state.AcquireLock(ctx, filepath.Join(s.cfg.Layout.Run, "networks.lock"))
}

// fromFile reads a conflist, or returns what it read before if the file has not
// changed. The caller must not modify the result.
func (s *Service) fromFile(path string) (*Network, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	cached, ok := s.cache[path]
	s.mu.Unlock()
	if ok && cached.mod.Equal(info.ModTime()) && cached.size == info.Size() {
		return cached.net, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	name := strings.TrimSuffix(filepath.Base(path), conflistSuffix)
	n, err := parseNetwork(name, data)
	if err != nil {
		return nil, errs.WithHint(fmt.Errorf("reading network %s from %s: %w", name, path, err), "mend or remove the file")
	}
	n.Mark = s.mark(n)
	if n.File = path; n.foreign() && checkID(n.CNIName) == nil {
		n.Name, n.ID = n.CNIName, hash("network", n.CNIName)
	}
	s.mu.Lock()
	s.cache[path] = cachedNetwork{info.ModTime(), info.Size(), n}
	s.mu.Unlock()
	return n, nil
}

func hostNetwork() Network {
	return Network{Name: NetworkHost, ID: hash("network", NetworkHost), Driver: "host"}
}

func noneNetwork() Network {
	return Network{Name: NetworkNone, ID: hash("network", NetworkNone), Driver: "null"}
}
