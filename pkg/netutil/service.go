package netutil

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"

	"github.com/containerd/errdefs"
	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/invoke"

	"github.com/nerd-cli/nerd/pkg/event"
	"github.com/nerd-cli/nerd/pkg/state"
)

// Config says where networks are kept and how plugins are found.
type Config struct {
	Layout     state.Layout
	PluginDirs []string // folders of CNI plugins, the first match wins

	// Bridge is the device of the default network. Empty: nerd0, or for a
	// data root of one's own a name derived from it, so that two
	// installations on a host do not share a device.
	Bridge string

	// Subnets are the candidates for the default network, the first that
	// overlaps nothing on the host is taken. Empty: Docker's pools.
	Subnets []netip.Prefix

	// ConflistDirs are further folders whose conflists are networks too. nerd
	// changes nothing in them.
	ConflistDirs []string

	// Resolver is the program that answers for names, nerd-resolver. Empty: on
	// user networks names are not resolved.
	Resolver string

	// Events gets what happens to networks. Nil: nobody.
	Events event.Sink

	// Live tells whether a container runs, is about to, or is to be restarted.
	// It is asked only when addresses run out or a port is claimed by the record
	// of a container whose processes are gone. Nil: every container with a
	// record keeps its addresses until Detach or Repair.
	Live func(ctx context.Context, id string) (bool, error)

	// Exec runs the plugins. Nil: as processes.
	Exec invoke.Exec
}

// Service is the networks of one host. Its methods may be called by any number
// of goroutines and processes at once.
type Service struct {
	cfg  Config
	cni  libcni.CNI
	host host

	mu    sync.Mutex
	cache map[string]cachedNetwork // parsed conflists by path
}

// New makes a Service. It touches nothing.
func New(cfg Config) *Service {
	exec := cfg.Exec
	if exec == nil {
		exec = newPluginExec()
	}
	return &Service{
		cfg:   cfg,
		cni:   libcni.NewCNIConfigWithCacheDir(cfg.PluginDirs, filepath.Join(cfg.Layout.Run, "cni"), exec),
		host:  kernel{},
		cache: map[string]cachedNetwork{},
	}
}

// host is what the service asks of the kernel and of the firewall.
type host interface {
	pin(path string) error                                                     // make and pin a namespace, loopback up
	unpin(path string) error                                                   // idempotent
	pinned(path string) bool                                                   // whether a namespace is mounted there
	occupied(path string) bool                                                 // whether a process runs in the namespace there
	inhabited(paths []string) map[string]bool                                  // the same for many
	ready(ctx context.Context, n *Network, rs ruleSet) (bool, error)           // whether the bridge and its rules are there
	lacks(ctx context.Context, n *Network, rs ruleSet) string                  // why it is not ready
	prepare(ctx context.Context, n *Network, all []*Network, rs ruleSet) error // make them
	taken(own string) ([]netip.Prefix, error)                                  // every range the host routes or is in
	addresses(except string) (map[string][]netip.Prefix, error)                // of the host's interfaces, by name
	hasLink(name string) (bool, error)
	marked(prefix string) (map[string]string, error)                            // interfaces that nerd made for networks
	makeParent(n *Network) error                                                // what a macvlan or ipvlan is made on
	removeParent(n *Network) error                                              // if makeParent made it
	clear(ctx context.Context, gone *Network, all []*Network, rs ruleSet) error // take a network's rules away
	route(path string, want []defaultRoute) error                               // the default routes in a namespace
	tune(path, dev string, addrs []netip.Addr, sysctls map[string]string) error // what plugins do not set
	release(ctx context.Context, path, dev string, l dhcpLease) error           // give a lease of DHCP back
	orphans(networks []*Network, netnsDir string) ([]string, error)             // interfaces of no container
	deleteLink(name string) error
	portRules(ctx context.Context, networks []*Network) ([]portRule, error)
	firewall(ctx context.Context) (string, error) // iptables or nftables
}

// lock serialises everything done for one container.
func (s *Service) lock(ctx context.Context, id string) (*state.Lock, error) {
	if err := checkID(id); err != nil {
		return nil, err
	}
	return state.AcquireLock(ctx, s.lockPath(id))
}

func (s *Service) lockPath(id string) string { return s.cfg.Layout.NetRecord(id) + ".lock" }

// checkID refuses what is no path element: ids become file names.
func checkID(id string) error {
	if id == "" || len(id) > 128 || strings.ContainsAny(id, "/\x00") || strings.HasPrefix(id, ".") {
		return fmt.Errorf("container id %q cannot be used for a network: %w", id, errdefs.ErrInvalidArgument)
	}
	return nil
}

// scope is empty for the default data root and short and unique for any other.
// It keeps bridges, chains and CNI names of two installations on a host apart.
func (s *Service) scope() string {
	if filepath.Clean(s.cfg.Layout.Data) == state.DefaultDataRoot {
		return ""
	}
	return hash(filepath.Clean(s.cfg.Layout.Data))[:6]
}

// defaultBridge is the device of the default network.
func (s *Service) defaultBridge() string {
	switch {
	case s.cfg.Bridge != "":
		return s.cfg.Bridge
	case s.scope() != "":
		return "nerd-" + s.scope() + "0"
	default:
		return "nerd0"
	}
}

// cniName is the name that plugins see. It is part of the names of their chains
// and comments, and other CNI users of the host may have a network "bridge" too.
func (s *Service) cniName(name string) string {
	if scope := s.scope(); scope != "" {
		return "nerd-" + scope + "-" + name
	}
	return "nerd-" + name
}

// hash is 64 hex digits of the parts.
func hash(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:])
}

// releaseLock gives l back and adds what goes wrong to err.
func releaseLock(l *state.Lock, err *error) {
	if e := l.Release(); e != nil {
		*err = errors.Join(*err, e)
	}
}
