package netutil

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/nerd-cli/nerd/pkg/state"
)

// Kinds of findings of Repair.
const (
	FoundRecord    = "record"    // of a container that is no more
	FoundNamespace = "namespace" // pinned for nobody
	FoundLease     = "address"   // given out to nobody
	FoundRule      = "rule"      // leads a port to nobody, or is gone
	FoundLink      = "interface" // on a bridge, its other end in no container
	FoundFile      = "file"      // of a killed process: locks, temporary and cache files
)

// Finding is something that Repair found and what it did, or would do, about it.
type Finding struct {
	Kind   string // one of the Found constants
	Name   string // the container's id, the address, the interface or the file
	Action string
	Err    error // why it could not be healed
}

// remains is what is there, read before the records are. Everything of it had a
// record before it came to be and until it was gone, so what has none when the
// records are read afterwards belongs to nobody.
type remains struct {
	networks   []*Network
	namespaces []string
	leases     []lease
	rules      []portRule
	links      []string
	bridges    []string
	cached     []cachedResult
}

// portRule is a firewall rule of portmap.
type portRule struct {
	id      string // the container's
	network *Network
}

// cachedResult is a file in which libcni keeps the result of an ADD.
type cachedResult struct{ path, id string }

// Repair compares the records, namespaces, addresses, port rules, interfaces and
// files of the network with the containers that live, and gives back what belongs
// to none of them. Live must know the containers of every containerd namespace,
// and what it does not know must have no process. With dryRun nothing is changed.
func (s *Service) Repair(ctx context.Context, live func(id string) bool, dryRun bool) ([]Finding, error) {
	found, err := s.look(ctx)
	if err != nil {
		return nil, fmt.Errorf("looking for remains of networks: %w", err)
	}
	ids, err := s.recordIDs()
	if err != nil {
		return nil, err
	}
	r := &repair{s: s, dryRun: dryRun, known: map[string]bool{}, live: live}
	for _, id := range ids {
		if err := r.record(ctx, id); err != nil {
			return r.findings, err
		}
	}
	r.remains(ctx, found)
	r.networks(ctx, found)
	r.rules(ctx, found)
	r.files(ctx)
	return r.findings, ctx.Err()
}

func (s *Service) look(ctx context.Context) (*remains, error) {
	var f remains
	list, err := s.Networks(ctx)
	if err != nil {
		return nil, err
	}
	for i := range list {
		if list[i].Conflist != nil {
			f.networks = append(f.networks, &list[i])
		}
	}
	if f.links, err = s.host.orphans(f.networks, filepath.Dir(s.cfg.Layout.Netns("x"))); err != nil {
		return nil, err
	}
	if s.readable(ctx) == nil {
		if f.bridges, err = s.strayBridges(f.networks); err != nil {
			return nil, err
		}
	}
	if f.rules, err = s.host.portRules(ctx, f.networks); err != nil {
		return nil, err
	}
	names, err := s.leaseNetworks()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		leases, err := s.leases(name)
		if err != nil {
			return nil, err
		}
		f.leases = append(f.leases, leases...)
	}
	if f.namespaces, err = namesIn(filepath.Dir(s.cfg.Layout.Netns("x")), ""); err != nil {
		return nil, err
	}
	f.cached, err = s.cachedResults(f.networks)
	return &f, err
}

// cachedResults finds the container in file names NETWORK-ID-IFNAME.
func (s *Service) cachedResults(networks []*Network) ([]cachedResult, error) {
	dir := s.resultDir()
	names, err := namesIn(dir, "")
	var list []cachedResult
	for _, name := range names {
		for _, n := range networks {
			rest, ok := strings.CutPrefix(name, n.CNIName+"-")
			if id, _, two := strings.Cut(rest, "-"); ok && two {
				list = append(list, cachedResult{filepath.Join(dir, name), id})
			}
		}
	}
	return list, err
}

// repair is one run of Repair.
type repair struct {
	s        *Service
	dryRun   bool
	live     func(id string) bool
	known    map[string]bool // has a record, healed together with it or alive
	findings []Finding

	onNetworks []string // those with containers that live
	publishing []string // containers that live and publish ports
}

// heal reports a finding and, unless it is a dry run, does something about it.
func (r *repair) heal(kind, name, action string, f func() error) {
	found := Finding{Kind: kind, Name: name, Action: action}
	if !r.dryRun {
		found.Err = f()
	}
	r.findings = append(r.findings, found)
}

// nobody tells whether what carries this id belongs to no container.
func (r *repair) nobody(id string) bool { return !r.known[id] && !r.live(id) }

func (r *repair) record(ctx context.Context, id string) error {
	rec, err := r.s.load(id)
	if err != nil {
		return err
	}
	r.known[id] = true
	if (rec != nil && rec.Owner.Alive()) || r.live(id) {
		if rec != nil {
			r.unfinished(ctx, rec)
			for _, j := range rec.Joined {
				r.onNetworks = append(r.onNetworks, j.Network.Name)
			}
			if r.s.publishes(rec) {
				r.publishing = append(r.publishing, id)
			}
		}
		return nil
	}
	r.heal(FoundRecord, id, "released everything it held", func() error { return r.s.Detach(ctx, id) })
	return ctx.Err()
}

func (r *repair) remains(ctx context.Context, f *remains) {
	for _, id := range f.namespaces {
		if r.nobody(id) {
			r.heal(FoundNamespace, id, "removed", func() error { return r.s.Detach(ctx, id) })
		}
	}
	for _, rule := range f.rules {
		if r.nobody(rule.id) {
			r.heal(FoundRule, rule.id, "removed", func() error { return r.s.delUnrecorded(ctx, rule.network, rule.id, "eth0") })
			r.known[rule.id] = true // one DEL takes all rules of a container
		}
	}
	for _, l := range f.leases {
		if !r.live(l.id) && !r.hasRecord(l.id) && there(l.path) && (l.id != "" || oldEnough(l.path)) {
			r.heal(FoundLease, l.addr.String(), "freed", func() error { return removeIfThere(l.path) })
		}
	}
	for _, name := range f.links {
		r.heal(FoundLink, name, "removed", func() error { return r.s.host.deleteLink(name) })
	}
	for _, c := range f.cached {
		if !r.live(c.id) && !r.hasRecord(c.id) && there(c.path) {
			r.heal(FoundFile, c.path, "removed", func() error { return removeIfThere(c.path) })
		}
	}
}

// there tells whether a file has not gone with what was healed before it.
func there(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// hasRecord is asked anew: a container may have come since the records were read.
func (r *repair) hasRecord(id string) bool {
	if checkID(id) != nil {
		return false
	}
	rec, err := r.s.load(id)
	return err != nil || rec != nil
}

// files removes locks that nobody holds and files that were being written by a
// process that is no more.
func (r *repair) files(ctx context.Context) {
	dir := filepath.Dir(r.s.cfg.Layout.NetRecord("x"))
	for _, place := range []struct{ dir, suffix string }{{dir, ".lock"}, {r.s.cfg.Layout.Ports(), ".lock"}, {dir, ".tmp"}} {
		names, err := namesIn(place.dir, place.suffix)
		if err != nil {
			r.findings = append(r.findings, Finding{Kind: FoundFile, Name: place.dir, Action: "not read", Err: err})
			continue
		}
		for _, name := range names {
			path := filepath.Join(place.dir, name+place.suffix)
			id, _, _ := strings.Cut(name, ".json")
			if place.suffix == ".tmp" && (oldEnough(path) || !writerLives(name)) {
				r.heal(FoundFile, path, "removed", func() error { return removeIfThere(path) })
			}
			if place.suffix == ".lock" && !r.hasRecord(id) && oldEnough(path) {
				r.lockFile(ctx, path)
			}
		}
	}
}

// writerLives tells whether the process that was writing the temporary file
// ID.json.PID is still there.
func writerLives(name string) bool {
	pid, err := strconv.Atoi(name[strings.LastIndexByte(name, '.')+1:])
	if err != nil {
		return false
	}
	_, err = state.FindProcess(pid)
	return err == nil
}

func (r *repair) lockFile(ctx context.Context, path string) {
	now, cancel := context.WithCancel(ctx)
	cancel() // one try, no waiting
	l, err := state.AcquireLock(now, path)
	if err != nil {
		return // someone is at work
	}
	if r.dryRun {
		r.findings = append(r.findings, Finding{Kind: FoundFile, Name: path, Action: "removed", Err: l.Release()})
		return
	}
	r.findings = append(r.findings, Finding{Kind: FoundFile, Name: path, Action: "removed", Err: l.Remove()})
}

// delUnrecorded runs CNI DEL for a container of which only the id is known. It
// passes a mapping so that portmap runs: that removes all rules of the container
// whatever it is told.
func (s *Service) delUnrecorded(ctx context.Context, n *Network, id, ifName string) error {
	list, err := n.chain(chainOptions{ports: n.Firewall != ""})
	if err != nil {
		return err
	}
	caps, err := capabilities(*n, Endpoint{}, []PublishedPort{{HostPort: 1, ContainerPort: 1}})
	if err != nil {
		return err
	}
	j := joined{Network: *n, IfName: ifName, List: list.Bytes, Caps: caps}
	if err := s.del(ctx, &record{ID: id}, &j); err != nil {
		return errors.New("leaving network " + n.Name + ": " + cniMessage(err))
	}
	return nil
}
