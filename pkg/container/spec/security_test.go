package spec

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/opencontainers/runtime-spec/specs-go"
)

func TestCapabilitySet(t *testing.T) {
	minus := func(all []string, drop ...string) []string { return without(all, drop) }
	for _, c := range []struct {
		name       string
		privileged bool
		add, drop  []string
		want       []string
	}{
		{"default", false, nil, nil, defaultCapabilities},
		{"added", false, []string{"net_admin", "CAP_SYS_TIME"}, nil, append(slices.Clone(defaultCapabilities), "CAP_NET_ADMIN", "CAP_SYS_TIME")},
		{"added again", false, []string{"chown"}, nil, defaultCapabilities},
		{"dropped", false, nil, []string{"Chown", "cap_kill"}, minus(defaultCapabilities, "CAP_CHOWN", "CAP_KILL")},
		{"not there and dropped", false, nil, []string{"SYS_ADMIN"}, defaultCapabilities},
		{"both", false, []string{"CHOWN"}, []string{"CHOWN"}, append(minus(defaultCapabilities, "CAP_CHOWN"), "CAP_CHOWN")},
		{"all", false, []string{"ALL"}, nil, knownCapabilities},
		{"all but one", false, []string{"all"}, []string{"SYS_ADMIN"}, minus(knownCapabilities, "CAP_SYS_ADMIN")},
		{"none", false, nil, []string{"ALL"}, []string{}},
		{"none but one", false, []string{"KILL"}, []string{"ALL"}, []string{"CAP_KILL"}},
		{"privileged", true, nil, []string{"ALL"}, knownCapabilities},
	} {
		in := input(func(in *Input) {
			in.HostConfig.Privileged, in.HostConfig.CapAdd, in.HostConfig.CapDrop = c.privileged, c.add, c.drop
		})
		got, err := CapabilitySet(in)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, %v\nwant %v", c.name, got, err, c.want)
		}
	}
	for _, bad := range []string{"", "NOSUCH", "CAP_", "CAP_ALL", "CAP_CAP_KILL"} {
		for _, hc := range []container.HostConfig{{CapAdd: []string{bad}}, {CapDrop: []string{bad}}} {
			if _, err := CapabilitySet(input(func(in *Input) { in.HostConfig = &hc })); !errdefs.IsInvalidArgument(err) {
				t.Errorf("capability %q: %v", bad, err)
			}
		}
	}
}

// The host may lack what a privileged container gets in full elsewhere.
func TestCapabilitiesOfTheHost(t *testing.T) {
	in := input(func(in *Input) { in.HostConfig.Privileged, in.Host.Capabilities = true, []string{"CAP_KILL"} })
	if got, err := CapabilitySet(in); err != nil || !slices.Equal(got, []string{"CAP_KILL"}) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestCapabilitiesOfUsers(t *testing.T) {
	root := generate(t).Process.Capabilities
	for name, set := range map[string][]string{"bounding": root.Bounding, "permitted": root.Permitted, "effective": root.Effective} {
		if !slices.Equal(set, defaultCapabilities) {
			t.Errorf("root's %s set is %v", name, set)
		}
	}
	other := generate(t, func(in *Input) { in.User.UID = 1 }).Process.Capabilities
	if len(other.Permitted)+len(other.Effective)+len(other.Ambient)+len(other.Inheritable) > 0 || len(other.Bounding) == 0 {
		t.Errorf("another user's are %+v", other)
	}
}

func TestKnownCapability(t *testing.T) {
	for n, want := range map[int]string{0: "CAP_CHOWN", 21: "CAP_SYS_ADMIN", 40: "CAP_CHECKPOINT_RESTORE", -1: "", 41: "", 63: ""} {
		if got, ok := KnownCapability(n); got != want || ok != (want != "") {
			t.Errorf("capability %d is %q", n, got)
		}
	}
}

func TestParseSecurityOpt(t *testing.T) {
	for text, want := range map[string]SecurityOptions{
		"no-new-privileges":       {NoNewPrivileges: true},
		"no-new-privileges=true":  {NoNewPrivileges: true},
		"no-new-privileges:true":  {NoNewPrivileges: true},
		"no-new-privileges:false": {},
		"seccomp=unconfined":      {Seccomp: "unconfined"},
		"seccomp:unconfined":      {Seccomp: "unconfined"},
		"seccomp=builtin":         {},
		`seccomp={"a":"b=c"}`:     {Seccomp: `{"a":"b=c"}`},
		"apparmor=unconfined":     {AppArmor: "unconfined"},
		"apparmor:my-profile":     {AppArmor: "my-profile"},
		"systempaths=unconfined":  {},
		"systempaths:unconfined":  {},
		"no-new-privileges=1":     {NoNewPrivileges: true},
		"writable-cgroups=true":   {WritableCgroups: true},
		"writable-cgroups:false":  {},
		"label=disable":           {Labels: []string{"disable"}},
		"label:type:x":            {Labels: []string{"type:x"}},
	} {
		got, err := ParseSecurityOpt([]string{text})
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	for _, bad := range []string{"", "seccomp", "apparmor", "nosuch", "nosuch=1", "no-new-privileges=maybe", "no-new-privileges=", "systempaths=x", "label", "label=", "writable-cgroups", "writable-cgroups=maybe"} {
		if _, err := ParseSecurityOpt([]string{bad}); !errdefs.IsInvalidArgument(err) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func FuzzParseSecurityOpt(f *testing.F) {
	for _, s := range []string{"seccomp=unconfined", "apparmor:x", "no-new-privileges", "=", ":", "a=b:c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ParseSecurityOpt([]string{text})
		if err != nil {
			if !errdefs.IsInvalidArgument(err) {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		for _, value := range []string{got.Seccomp, got.AppArmor} {
			if !strings.HasSuffix(text, value) {
				t.Errorf("%q gave %q", text, value)
			}
		}
	})
}

func TestSeccomp(t *testing.T) {
	opt := func(text string) func(*Input) { return func(in *Input) { in.HostConfig.SecurityOpt = []string{text} } }
	privileged := func(in *Input) { in.HostConfig.Privileged = true }
	for _, c := range []struct {
		name    string
		changes []func(*Input)
		want    specs.LinuxSeccompAction // empty: no profile
	}{
		{"default", nil, "text:"},
		{"own", []func(*Input){opt("seccomp={}")}, "text:{}"},
		{"unconfined", []func(*Input){opt("seccomp=unconfined")}, ""},
		{"privileged", []func(*Input){privileged}, ""},
		{"privileged with its own", []func(*Input){privileged, opt("seccomp={}")}, "text:{}"},
		{"a kernel without", []func(*Input){func(in *Input) { in.Host.Seccomp = false }}, ""},
	} {
		var got specs.LinuxSeccompAction
		if s := generate(t, c.changes...).Linux.Seccomp; s != nil {
			got = s.DefaultAction
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	if _, _, err := Generate(input(opt("seccomp=bad"))); err == nil || !strings.Contains(err.Error(), "seccomp profile") {
		t.Errorf("a bad profile: %v", err)
	}
}

// The default profile depends on the capabilities, so they have to be in the
// specification before it is made.
func TestSeccompSeesCapabilities(t *testing.T) {
	var seen []string
	generate(t, func(in *Input) {
		in.Host.SeccompProfile = func(_ string, s *specs.Spec) (*specs.LinuxSeccomp, error) {
			seen = s.Process.Capabilities.Bounding
			return nil, nil
		}
	})
	if !slices.Equal(seen, defaultCapabilities) {
		t.Errorf("the profile was made for %v", seen)
	}
}

func TestAppArmor(t *testing.T) {
	for profile, want := range map[string]string{"": "", "unconfined": "", "nerd-default": "nerd-default"} {
		if got := generate(t, func(in *Input) { in.AppArmor = profile }).Process.ApparmorProfile; got != want {
			t.Errorf("profile %q became %q", profile, got)
		}
	}
	if !generate(t, func(in *Input) { in.HostConfig.SecurityOpt = []string{"no-new-privileges"} }).Process.NoNewPrivileges {
		t.Error("no-new-privileges is lost")
	}
}
