//go:build root

package netutil

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// firewalldRules is the gist of what firewalld sets: after all others, it refuses
// what comes from interfaces that no zone of its accepts.
const firewalldRules = `table inet firewalld {
  chain filter_INPUT_ZONES {
    iifname "out0" counter
  }
  chain filter_FORWARD_ZONES {
    iifname "out0" counter
  }
  chain filter_FORWARD {
    type filter hook forward priority filter + 10; policy accept;
    ct state { established, related } accept
    ct status dnat accept
    jump filter_FORWARD_ZONES
    reject with icmpx admin-prohibited
  }
}
`

// firewallCmd does what its namesake would do to these rules.
const firewallCmd = `#!/bin/sh -e
case "$*" in
"--zone=trusted --change-interface="*)
	nft insert rule inet firewalld filter_INPUT_ZONES iifname "${2#*=}" accept
	nft insert rule inet firewalld filter_FORWARD_ZONES iifname "${2#*=}" accept ;;
"--zone=trusted --remove-interface="*)
	nft flush chain inet firewalld filter_INPUT_ZONES
	nft add rule inet firewalld filter_INPUT_ZONES iifname out0 counter ;;
*)
	echo "$*" >&2
	exit 1 ;;
esac
`

// fakeFirewalld puts its rules in force, in place of those that are there, and its
// program where administrators' tools are, for this test's own mount namespace.
func fakeFirewalld(t *testing.T) {
	t.Helper()
	run(t, "", "mount", "-t", "tmpfs", "tmpfs", "/usr/local/sbin")
	t.Cleanup(func() { run(t, "", "umount", "/usr/local/sbin") })
	must(t, os.WriteFile(filepath.Join("/usr/local/sbin", "firewall-cmd"), []byte(firewallCmd), 0o755))
	run(t, firewalldRules, "nft", "-f", "-")
	t.Cleanup(func() { run(t, "flush ruleset\n", "nft", "-f", "-") })
}

// firewalld is told of nerd's bridges, told again when it has been reloaded, and
// forgets those that are gone.
func TestRealFirewalld(t *testing.T) {
	s := realService(t)
	out := outside(t)
	serve(t, out, "192.0.2.2:80", "out")
	fakeFirewalld(t)
	knows := func(bridge string) bool {
		rules, err := nftRulesOf(unix.NFPROTO_INET, firewalldTable, firewalldChain)
		must(t, err)
		return mentions(rules, bridge)
	}
	reaches := func() error {
		_, err := fetch("192.0.2.2:80")
		return err
	}
	attachReal(t, s, cid(1))
	inNetns(t, s.cfg.Layout.Netns(cid(1)), reaches)

	run(t, "delete table inet firewalld\n"+firewalldRules, "nft", "-f", "-") // a reload
	inNetns(t, s.cfg.Layout.Netns(cid(1)), func() error { return wantFetch("refused", "192.0.2.2:80", "") })
	warned := strings.Join(s.Warnings(t.Context()), "\n")
	if !strings.Contains(warned, "firewalld refuses what comes from "+s.defaultBridge()) {
		t.Errorf("nothing is said: %q", warned)
	}
	findings, err := s.Repair(t.Context(), func(string) bool { return true }, false)
	if err != nil || len(findings) != 1 || findings[0].Kind != FoundRule || findings[0].Err != nil {
		t.Errorf("%+v, %v", findings, err)
	}
	inNetns(t, s.cfg.Layout.Netns(cid(1)), reaches)
	if warned := s.Warnings(t.Context()); len(warned) > 0 {
		t.Errorf("%q", warned)
	}

	n, err := s.Create(t.Context(), CreateOptions{Name: "a", IPAM: pools(pool("10.31.0.0/24"))})
	must(t, err)
	if !knows(n.Bridge) {
		t.Error("firewalld was not told of a new network")
	}
	_, err = s.Remove(t.Context(), "a")
	must(t, err)
	if knows(n.Bridge) {
		t.Error("firewalld was not told that it is gone")
	}
	must(t, s.Detach(t.Context(), cid(1)))
	assertClean(t, s)
}

// What was flushed, or switched off, is said and mended for the containers that
// run: forwarding, the rules of the network and those of the ports.
func TestRealRepairRules(t *testing.T) {
	s := realService(t)
	out := outside(t)
	serve(t, out, "192.0.2.2:80", "out")
	t.Cleanup(func() { run(t, "flush ruleset\n", "nft", "-f", "-") })
	_, res := attachReal(t, s, cid(1), PublishedPort{ContainerPort: 80})
	serve(t, s.cfg.Layout.Netns(cid(1)), ":80", "web")
	works := func() {
		t.Helper()
		must(t, wantFetch("host", "192.0.2.1:"+portText(res), "web"))
		inNetns(t, s.cfg.Layout.Netns(cid(1)), func() error { return wantFetch("container", "192.0.2.2:80", "out") })
	}
	works()
	for what, spoil := range map[string]func(){
		"its firewall rules are gone":  func() { run(t, "flush ruleset\n", "nft", "-f", "-") },
		"forwarding is switched off":   func() { must(t, os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("0"), 0)) },
		"the bridge nerd-" + s.scope(): func() { run(t, "", "ip", "link", "set", s.defaultBridge(), "down") },
	} {
		spoil()
		if warned := strings.Join(s.Warnings(t.Context()), "\n"); !strings.Contains(warned, what) {
			t.Errorf("%s: %q", what, warned)
		}
		live := func(string) bool { return true }
		dry, err := s.Repair(t.Context(), live, true)
		if err != nil || len(dry) == 0 {
			t.Errorf("%s: nothing is found, %v", what, err)
		}
		found, err := s.Repair(t.Context(), live, false)
		if err != nil || len(found) != len(dry) {
			t.Errorf("%s: %+v, then %+v, %v", what, dry, found, err)
		}
		for _, f := range found {
			if f.Kind != FoundRule || f.Err != nil {
				t.Errorf("%s: %+v", what, f)
			}
		}
		works()
		if again, err := s.Repair(t.Context(), live, false); len(again) > 0 || err != nil {
			t.Errorf("%s: again %+v, %v", what, again, err)
		}
	}
	must(t, s.Detach(t.Context(), cid(1)))
	assertClean(t, s)
}

func portText(res *Reservation) string {
	text, _, _ := strings.Cut(res.Ports[0].String(), "->")
	return text[strings.LastIndexByte(text, ':')+1:]
}
