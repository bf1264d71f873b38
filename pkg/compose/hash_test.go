package compose

import (
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
)

func hashed(t *testing.T, p *types.Project) string {
	t.Helper()
	h, err := ServiceHash(p, p.Services["s"])
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// withoutNewContainer are attributes that take effect on a container as it is, are
// about other things than the container, or whose content is elsewhere.
var withoutNewContainer = []string{
	"attach", "depends_on", "deploy.mode", "deploy.replicas", "env_file.required", "post_start", "pre_stop", "profiles", "pull_policy",
	"pull_refresh_after", "scale",
}

// Every attribute that works changes the hash, but for those that need no other
// container.
func TestAttributesChangeHash(t *testing.T) {
	seen := map[string]string{hashed(t, withService(t, "")): "nothing"}
	for _, e := range effects {
		h := hashed(t, withService(t, e.text))
		free := slices.ContainsFunc(withoutNewContainer, func(name string) bool {
			return e.path == name || strings.HasPrefix(e.path, name+".")
		})
		switch other, same := seen[h]; {
		case free && other != "nothing":
			t.Errorf("%s changes the hash", e.text)
		case !free && same:
			t.Errorf("%s has the hash of %s", e.text, other)
		case !free:
			seen[h] = e.text
		}
	}
}

// What is another configuration has another hash, what is the same has the same.
func TestHashOfValues(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"environment: {A: b, C: d}", "environment: [C=d, A=b]", true},
		{"environment: {V: file, RAW: 'x $$HOME y'}", "env_file: v.env", true},
		{"labels: {a: '1', b: x}", "labels: [b=x, a=1]", true},
		{"labels: {L: file}", "label_file: l.env", true},
		{"command: echo 'a b'", "command: [echo, a b]", true},
		{"ports: ['8080:80', '81']", "ports: [{target: 81}, {target: 80, published: '8080', protocol: tcp, mode: ingress}]", true},
		{"volumes: ['vol:/v', '/h:/h:ro']", "volumes: [{type: bind, source: /h, target: /h, read_only: true, bind: {}}, {type: volume, source: vol, target: /v, volume: {}}]", true},
		{"cap_add: [A, B]", "cap_add: [B, A]", true},
		{"networks: [n]", "networks: {n: {}}", true},
		{"networks: {n: }", "networks: {n: {}}", true},
		{"stop_grace_period: 90s", "stop_grace_period: 1m30s", true},
		{"mem_limit: 1g", "mem_limit: 1024m", true},
		{"extra_hosts: ['h=1.1.1.1']", "extra_hosts: {h: 1.1.1.1}", true},
		{"healthcheck: {test: x}", "healthcheck: {test: [CMD-SHELL, x]}", true},
		{"tmpfs: /t", "tmpfs: [/t]", true},
		{"", "depends_on: [db]", true},
		{"", "environment: {A: ''}", false},
		{"", "labels: [a]", false},
		{"", "command: []", false},
		{"entrypoint: ''", "", false},
		{"environment: {A: ''}", "environment: {B: ''}", false},
		{"dns: [1.1.1.1, 2.2.2.2]", "dns: [2.2.2.2, 1.1.1.1]", false},
		{"command: [a, b]", "command: [b, a]", false},
		{"sysctls: {a.b: ''}", "sysctls: {a.c: ''}", false},
		{"ports: ['80']", "ports: ['80', '80:80']", false},
		{"volumes: ['vol:/v']", "volumes: ['vol:/v:ro']", false},
	} {
		if same := hashed(t, withService(t, c.a)) == hashed(t, withService(t, c.b)); same != c.same {
			t.Errorf("%q and %q: the same hash is %t", c.a, c.b, same)
		}
	}
}

// The hash is that of the content of secrets and configs where it is copied.
func TestHashOfContent(t *testing.T) {
	load := func(env, extra string) *types.Project {
		path := write(t, "services: {s: {image: x, secrets: [a], configs: [b]}}\nsecrets: {a: {environment: E}}\nconfigs: {b: {content: '"+extra+"'}}\n")
		p, err := Load(t.Context(), LoadOptions{Files: []string{path}, ProjectName: "p", Env: []string{"E=" + env}})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	base := hashed(t, load("1", "x"))
	if base != hashed(t, load("1", "x")) || base == hashed(t, load("2", "x")) || base == hashed(t, load("1", "y")) {
		t.Error("the hash does not follow the content")
	}
}
