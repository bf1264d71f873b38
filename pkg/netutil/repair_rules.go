package netutil

import (
	"context"
	"slices"

	"github.com/nerd-cli/nerd/pkg/state"
)

// rules sets again what containers that live have lost when somebody flushed the
// firewall, reloaded firewalld or switched forwarding off: first what belongs to
// networks, then the rules of published ports.
func (r *repair) rules(ctx context.Context, f *remains) {
	for _, n := range f.networks {
		if n.Firewall == "" || !slices.Contains(r.onNetworks, n.Name) {
			continue
		}
		ok, err := r.s.host.ready(ctx, n, r.s.rules(n.Firewall))
		if err != nil {
			r.findings = append(r.findings, Finding{Kind: FoundRule, Name: n.Name, Action: "not read", Err: err})
		} else if !ok {
			r.heal(FoundRule, n.Name, "set again", func() error { return r.s.prepare(ctx, n) })
		}
	}
	for _, id := range r.publishing {
		if !hasRules(f.rules, id) {
			r.portRules(ctx, f.networks, id)
		}
	}
}

func hasRules(rules []portRule, id string) bool {
	return slices.ContainsFunc(rules, func(p portRule) bool { return p.id == id })
}

// portRules sets the rules of a container's ports again. It looks a second time with
// the container's lock: one that was starting had none at the first.
func (r *repair) portRules(ctx context.Context, networks []*Network, id string) {
	once, cancel := context.WithCancel(ctx)
	cancel() // one try, no waiting
	l, err := state.AcquireLock(once, r.s.lockPath(id))
	if err != nil {
		return // somebody is at work on it
	}
	rec, err := r.s.load(id)
	if err == nil && rec != nil && r.s.publishes(rec) {
		var now []portRule
		if now, err = r.s.host.portRules(ctx, networks); err == nil && !hasRules(now, id) {
			r.heal(FoundRule, id, "set again", func() error { return r.s.leadPorts(withLock(ctx, l), rec) })
		}
	}
	if e := l.Release(); err == nil {
		err = e
	}
	if err != nil {
		r.findings = append(r.findings, Finding{Kind: FoundRule, Name: id, Action: "not read", Err: err})
	}
}

// publishes tells whether there should be rules for ports of a container that is
// wired: a port of IPv6 addresses alone has none without an IPv6 address to lead to.
func (s *Service) publishes(rec *record) bool {
	at := slices.IndexFunc(rec.Joined, func(j joined) bool { return j.publishes() })
	if rec.Ended || at < 0 || !rec.complete() || !s.host.pinned(s.cfg.Layout.Netns(rec.ID)) {
		return false
	}
	es, err := rec.Joined[at].settings(rec.ID)
	return err == nil && slices.ContainsFunc(rec.Ports, func(p PublishedPort) bool {
		return !p.HostIP.IsValid() || p.HostIP.Is4() && es.IPAddress.IsValid() || p.HostIP.Is6() && es.GlobalIPv6Address.IsValid()
	})
}
