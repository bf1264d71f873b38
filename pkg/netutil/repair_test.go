package netutil

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestRepair(t *testing.T) {
	s, h, plugins := fakeService(t)
	for _, id := range []string{"live", "dead", "making"} {
		_, err := s.NewSandbox(t.Context(), id)
		must(t, err)
		_, err = s.Attach(t.Context(), request(id))
		must(t, err)
	}
	disown(t, s, "live")
	disown(t, s, "dead")
	must(t, h.pin(s.cfg.Layout.Netns("stray")))
	n, err := s.EnsureDefault(t.Context())
	must(t, err)
	must(t, writeVolatile(s.cfg.Layout.IPAM()+"/"+n.CNIName+"/10.9.9.9", []byte("nobody\r\neth0")))
	must(t, writeVolatile(s.cfg.Layout.IPAM()+"/"+n.CNIName+"/last_reserved_ip.0", []byte("10.9.9.9")))
	h.links = []string{"veth0badcafe"}
	h.rules = []portRule{{id: "ruled"}, {id: "ruled"}, {id: "live"}}
	must(t, writeVolatile(s.resultDir()+"/"+n.CNIName+"-gone-eth0", []byte("{}")))
	old := time.Now().Add(-time.Hour)
	for _, f := range []string{s.lockPath("gone"), s.cfg.Layout.NetRecord("gone") + ".1.tmp", s.cfg.Layout.Ports() + "/tcp-80.lock"} {
		must(t, writeVolatile(f, nil))
		must(t, os.Chtimes(f, old, old))
	}
	live := func(id string) bool { return id == "live" }

	want := []string{
		"record dead", "namespace stray", "rule ruled", "address 10.9.9.9", "interface veth0badcafe",
		"file " + s.resultDir() + "/" + n.CNIName + "-gone-eth0",
		"file " + s.lockPath("gone"), "file " + s.cfg.Layout.Ports() + "/tcp-80.lock", "file " + s.cfg.Layout.NetRecord("gone") + ".1.tmp",
	}
	slices.Sort(want)
	plugins.took()
	for _, dry := range []bool{true, false} {
		if got := repairOnce(t, s, live, dry); !slices.Equal(got, want) {
			t.Errorf("dry %v:\n%s\nwant\n%s", dry, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if dry && len(plugins.took()) > 0 {
			t.Error("a dry run ran plugins")
		}
	}
	h.rules = nil
	if got := repairOnce(t, s, live, false); len(got) != 0 {
		t.Errorf("the second time: %v", got)
	}
	for _, id := range []string{"live", "making"} {
		if rec, err := s.load(id); err != nil || rec == nil || !h.pinned(s.cfg.Layout.Netns(id)) {
			t.Errorf("%s was taken: %v, %v", id, rec, err)
		}
	}
}

func repairOnce(t *testing.T, s *Service, live func(string) bool, dry bool) []string {
	t.Helper()
	findings, err := s.Repair(t.Context(), live, dry)
	must(t, err)
	var got []string
	for _, f := range findings {
		if f.Err != nil {
			t.Errorf("%+v", f)
		}
		got = append(got, fmt.Sprintf("%s %s", f.Kind, f.Name))
	}
	slices.Sort(got)
	return got
}

func TestRepairNothing(t *testing.T) {
	s, _, _ := fakeService(t)
	if got := repairOnce(t, s, func(string) bool { return false }, false); len(got) != 0 {
		t.Errorf("on a fresh host: %v", got)
	}
	if entries, err := os.ReadDir(s.cfg.Layout.Run); err == nil && len(entries) > 0 {
		t.Errorf("a fresh host got %v", entries)
	}
}

func TestParsePortRules(t *testing.T) {
	const save = `*nat
-A CNI-HOSTPORT-DNAT -p tcp -m comment --comment "dnat name: \"nerd-a\" id: \"c1\"" -m multiport --dports 8080 -j CNI-DN-x
-A CNI-HOSTPORT-DNAT -p tcp -m comment --comment "dnat name: \"bridge\" id: \"c2\"" -m multiport --dports 8081 -j CNI-DN-y
-A CNI-HOSTPORT-DNAT -p tcp -m comment --comment "dnat name: \"nerd-b\" id: \"trunc
`
	if got := ids(parseIptablesRules(save, twoNetworks())); got != "c1" {
		t.Errorf("iptables: %s", got)
	}
	const nft = `table ip other {
	chain hostports {
		tcp dport 80 dnat to 172.18.0.2:80 comment "c0"
table ip cni_hostport {
	comment "CNI portmap plugin"
	chain hostports {
		tcp dport 8080 dnat to 172.18.0.2:80 comment "c1"
		ip daddr 127.0.0.1 tcp dport 8081 dnat to 10.99.0.2:80 comment "c2"
table ip6 cni_hostport {
		tcp dport 8080 dnat to [fd00::2]:80 comment "c3"
`
	if got := ids(parseNftRules(nft, twoNetworks())); got != "c1 c3" {
		t.Errorf("nft: %s", got)
	}
}

func ids(rules []portRule) string {
	var s []string
	for _, r := range rules {
		s = append(s, r.id)
	}
	return strings.Join(s, " ")
}

func FuzzParsePortRules(f *testing.F) {
	f.Add(`dnat name: "nerd-a" id: "c1"`)
	f.Add("table ip cni_hostport {\n dnat to 172.18.0.2:80 comment \"c1\"")
	f.Fuzz(func(_ *testing.T, out string) {
		parseIptablesRules(out, twoNetworks())
		parseNftRules(out, twoNetworks())
	})
}

func FuzzParseLease(f *testing.F) {
	f.Add([]byte("id\r\neth0"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if id, ifName := parseLease(data); strings.ContainsAny(id+ifName, "\n") {
			t.Errorf("%q, %q", id, ifName)
		}
	})
}

func TestPluginEnvironment(t *testing.T) {
	got := pluginEnv([]string{"SECRET=x", "CNI_COMMAND=ADD", "PATH=/opt/bin"})
	if !slices.Equal(got, []string{"CNI_COMMAND=ADD", "PATH=/opt/bin:" + systemPath}) {
		t.Errorf("%v", got)
	}
	_, err := newPluginExec().FindInPath("bridge", []string{t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "the CNI plugin bridge is not in") {
		t.Errorf("%v", err)
	}
	if _, err := newPluginExec().ExecPlugin(t.Context(), "/bin/false", nil, nil); err == nil {
		t.Error("a failing plugin is no error")
	}
}
