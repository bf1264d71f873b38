package netutil

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nerd-cli/nerd/pkg/resolver"
	"github.com/nerd-cli/nerd/pkg/state"
)

// More kinds of findings of Repair.
const (
	FoundNetwork  = "network"  // whose removal was not finished
	FoundEndpoint = "endpoint" // that was being added to a running container
	FoundBridge   = "bridge"   // of a network that is no more
	FoundResolver = "resolver" // that containers need and that does not run
)

// networks mends what killed commands left of networks themselves, as opposed to
// containers.
func (r *repair) networks(ctx context.Context, f *remains) {
	unfinished, err := r.s.finishRemovals(ctx, r.dryRun)
	for _, name := range unfinished {
		r.findings = append(r.findings, Finding{Kind: FoundNetwork, Name: name, Action: "removed"})
	}
	if err != nil {
		r.findings = append(r.findings, Finding{Kind: FoundNetwork, Name: "a removal", Action: "not finished", Err: err})
	}
	for _, name := range f.bridges {
		r.heal(FoundBridge, name, "removed", func() error { return r.s.host.deleteLink(name) })
	}
	for _, n := range f.networks {
		r.resolver(n)
	}
	r.locks(f.networks)
}

// resolver starts the resolver of a network on which containers run.
func (r *repair) resolver(n *Network) {
	if !n.Names || r.s.cfg.Resolver == "" || !slices.Contains(r.onNetworks, n.Name) {
		return
	}
	cfg := r.s.resolverConfig(n)
	if running, err := resolver.Running(cfg); running || err != nil {
		return
	}
	r.heal(FoundResolver, n.Name, "started", func() error { return resolver.Ensure(cfg) })
}

// locks removes the lock files of resolvers of networks that are no more.
func (r *repair) locks(networks []*Network) {
	dir := filepath.Join(r.s.cfg.Layout.Run, "resolver")
	names, err := namesIn(dir, ".lock")
	if err != nil {
		return // there is no such folder, or the next one says
	}
	for _, name := range names {
		if slices.ContainsFunc(networks, func(n *Network) bool { return n.Name == name }) {
			continue
		}
		path := filepath.Join(dir, name+".lock")
		if running, err := resolver.Running(resolver.Config{Lock: path}); running || err != nil {
			continue
		}
		r.heal(FoundFile, path, "removed", func() error { return removeIfThere(path) })
	}
}

// unfinished takes back what was being added to, or removed from, a running
// container by a command that was killed. Whoever is at work on the container has its lock.
func (r *repair) unfinished(ctx context.Context, rec *record) {
	if rec.complete() || len(rec.Joined) == 0 {
		return
	}
	once, cancel := context.WithCancel(ctx)
	cancel() // one try, no waiting
	l, err := state.AcquireLock(once, r.s.lockPath(rec.ID))
	if err != nil {
		return
	}
	r.heal(FoundEndpoint, rec.ID, "taken back", func() (err error) {
		now, err := r.s.load(rec.ID)
		if err != nil || now == nil {
			return err
		}
		locked := withLock(ctx, l)
		if err = r.s.dropIncomplete(locked, now); err == nil && len(now.Joined) > 0 {
			_, err = r.s.settle(locked, now)
		}
		return err
	})
	if err := l.Release(); err != nil {
		r.findings = append(r.findings, Finding{Kind: FoundEndpoint, Name: rec.ID, Action: "not unlocked", Err: err})
	}
}

// mark is what the host's interfaces that nerd makes for a network are marked with,
// so that they can be told from all others.
func (s *Service) mark(n *Network) string { return s.marks() + n.ID }

// marks is what all marks of this installation begin with.
func (s *Service) marks() string {
	return "nerd network " + hash(filepath.Clean(s.cfg.Layout.Data))[:12] + " "
}

// strayBridges are the marked interfaces of networks that are no more.
func (s *Service) strayBridges(networks []*Network) ([]string, error) {
	marked, err := s.host.marked(s.marks())
	if err != nil {
		return nil, err
	}
	left, err := namesIn(s.cfg.Layout.Networks(), conflistSuffix+removingSuffix)
	if err != nil || len(left) > 0 { // finishing those removes their bridges
		return nil, err
	}
	var stray []string
	for name, mark := range marked {
		id := strings.TrimPrefix(mark, s.marks())
		if !slices.ContainsFunc(networks, func(n *Network) bool { return n.ID == id }) {
			stray = append(stray, name)
		}
	}
	slices.Sort(stray)
	return stray, nil
}

// errUnread says that nothing can be judged because a conflist cannot be read: its
// bridge would look like nobody's.
var errUnread = errors.New("a network cannot be read")

func (s *Service) readable(ctx context.Context) error {
	if broken := s.Broken(ctx); len(broken) > 0 {
		return fmt.Errorf("%w: %w", errUnread, broken[0])
	}
	return nil
}
