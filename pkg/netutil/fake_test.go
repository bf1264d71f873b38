package netutil

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/containernetworking/cni/pkg/version"

	"github.com/nerd-cli/nerd/pkg/state"
)

// fakeHost is a kernel in memory: a pinned namespace is a file with a word in it.
type fakeHost struct {
	mu       sync.Mutex
	busy     map[string]bool // namespaces with a process in them
	ranges   []netip.Prefix
	backend  string
	prepared []string
	isReady  bool
	links    []string
	rules    []portRule
	pinErr   error
	own      map[string][]netip.Prefix // addresses of interfaces
	have     map[string]bool           // interfaces
	routes   []defaultRoute
	tuned    []string
	cleared  []string
	marks    map[string]string
	released []string
}

func (h *fakeHost) pin(path string) error {
	if h.pinErr != nil {
		return h.pinErr
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, []byte("netns"), 0o600)
}
func (h *fakeHost) unpin(path string) error { return removeIfThere(path) }
func (h *fakeHost) pinned(path string) bool {
	data, err := os.ReadFile(path)
	return err == nil && string(data) == "netns"
}
func (h *fakeHost) occupied(path string) bool { return h.busy[filepath.Base(path)] }
func (h *fakeHost) inhabited(paths []string) map[string]bool {
	out := map[string]bool{}
	for _, p := range paths {
		out[p] = h.occupied(p)
	}
	return out
}

func (h *fakeHost) ready(context.Context, *Network, ruleSet) (bool, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.isReady, nil
}

func (h *fakeHost) lacks(context.Context, *Network, ruleSet) string { return "its rules are gone" }

func (h *fakeHost) prepare(_ context.Context, n *Network, _ []*Network, _ ruleSet) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.prepared, h.isReady = append(h.prepared, n.Name), true
	return nil
}
func (h *fakeHost) taken(string) ([]netip.Prefix, error)         { return h.ranges, nil }
func (h *fakeHost) orphans([]*Network, string) ([]string, error) { return h.links, nil }
func (h *fakeHost) deleteLink(name string) error {
	h.links = slices.DeleteFunc(h.links, func(l string) bool { return l == name })
	return nil
}

func (h *fakeHost) portRules(_ context.Context, networks []*Network) ([]portRule, error) {
	var rules []portRule
	for _, r := range h.rules {
		rules = append(rules, portRule{r.id, networks[0]})
	}
	return rules, nil
}
func (h *fakeHost) addresses(string) (map[string][]netip.Prefix, error) { return h.own, nil }
func (h *fakeHost) hasLink(name string) (bool, error)                   { return h.have[name], nil }
func (h *fakeHost) marked(string) (map[string]string, error)            { return h.marks, nil }
func (h *fakeHost) makeParent(n *Network) error {
	h.prepared = append(h.prepared, "parent "+n.parent())
	return nil
}

func (h *fakeHost) removeParent(n *Network) error {
	h.cleared = append(h.cleared, "parent "+n.parent())
	return nil
}

func (h *fakeHost) clear(_ context.Context, gone *Network, _ []*Network, _ ruleSet) error {
	h.cleared = append(h.cleared, gone.Name)
	return nil
}

func (h *fakeHost) route(_ string, want []defaultRoute) error {
	h.routes = want
	return nil
}

func (h *fakeHost) tune(_, dev string, addrs []netip.Addr, sysctls map[string]string) error {
	h.tuned = append(h.tuned, fmt.Sprint(dev, addrs, sysctls))
	return nil
}

func (h *fakeHost) release(_ context.Context, _, dev string, l dhcpLease) error {
	h.released = append(h.released, fmt.Sprintf("%s %s %s %q", dev, l.addr, l.mac, l.client))
	return nil
}

func (h *fakeHost) firewall(context.Context) (string, error) { return h.backend, nil }

// fakePlugins plays bridge (with its addresses) and portmap.
type fakePlugins struct {
	version.PluginDecoder
	s *Service

	mu    sync.Mutex
	calls []string // "ADD bridge eth0"
	next  byte
	// before is asked ahead of every call; an error fails it.
	before func(call string) error
}

func (p *fakePlugins) FindInPath(plugin string, _ []string) (string, error) { return plugin, nil }

func (p *fakePlugins) ExecPlugin(_ context.Context, plugin string, stdin []byte, environ []string) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	env := map[string]string{}
	for _, kv := range environ {
		k, v, _ := strings.Cut(kv, "=")
		env[k] = v
	}
	call := strings.Join([]string{env["CNI_COMMAND"], plugin, env["CNI_IFNAME"]}, " ")
	p.calls = append(p.calls, call)
	if p.before != nil {
		if err := p.before(call); err != nil {
			return nil, err
		}
	}
	var conf struct {
		Name string          `json:"name"`
		Prev json.RawMessage `json:"prevResult"`
	}
	if err := json.Unmarshal(stdin, &conf); err != nil {
		return nil, err
	}
	id, ifName := env["CNI_CONTAINERID"], env["CNI_IFNAME"]
	switch {
	case plugin == "portmap":
		return conf.Prev, nil
	case env["CNI_COMMAND"] == "ADD":
		return p.add(conf.Name, id, ifName, env["CNI_NETNS"])
	}
	leases, err := p.s.leasesOf(conf.Name, id)
	for _, l := range leases {
		if l.ifName == ifName {
			err = errors.Join(err, os.Remove(l.path))
		}
	}
	return nil, err
}

func (p *fakePlugins) add(network, id, ifName, netns string) ([]byte, error) {
	p.next++
	ip := fmt.Sprintf("10.9.0.%d", p.next+1)
	if err := writeVolatile(filepath.Join(p.s.cfg.Layout.IPAM(), network, ip), []byte(id+"\r\n"+ifName)); err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{
		"cniVersion": "1.0.0",
		"interfaces": []any{map[string]any{"name": ifName, "mac": "02:00:00:00:00:07", "sandbox": netns}},
		"ips":        []any{map[string]any{"address": ip + "/16", "gateway": "10.9.0.1", "interface": 0}},
	})
}

func (p *fakePlugins) took() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	calls := p.calls
	p.calls = nil
	return calls
}

// fakeService is a service without root: its own folders, a fake kernel and fake
// plugins.
func fakeService(t *testing.T) (*Service, *fakeHost, *fakePlugins) {
	t.Helper()
	l, err := state.NewLayout(filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "run"), "")
	if err != nil {
		t.Fatal(err)
	}
	plugins := &fakePlugins{}
	s := New(Config{Layout: l, PluginDirs: []string{"/fake"}, Exec: plugins})
	h := &fakeHost{backend: iptables, busy: map[string]bool{}}
	s.host, plugins.s = h, s
	return s, h, plugins
}

// disown makes the record look as if its maker had been killed.
func disown(t *testing.T, s *Service, id string) {
	t.Helper()
	rec, err := s.load(id)
	if err != nil || rec == nil {
		t.Fatalf("record %v, %v", rec, err)
	}
	rec.Owner.Start++
	if err := s.save(rec); err != nil {
		t.Fatal(err)
	}
}

// nothingLeft fails if a container still holds something.
func nothingLeft(t *testing.T, s *Service) {
	t.Helper()
	err := filepath.WalkDir(s.cfg.Layout.Run, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() != "networks.lock" {
			t.Errorf("left: %s", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
