package container

import (
	"runtime"
	"slices"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func TestStatusField(t *testing.T) {
	status := []byte("Name:\tnerd\nCapBnd:\t000001ffffffffff\nSeccomp:\t2\nSeccomp_filters:\t1\n")
	for name, want := range map[string]string{"CapBnd": "000001ffffffffff", "Seccomp": "2", "Seccomp_filters": "1", "None": ""} {
		if got := statusField(status, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

const hasX32Rules = runtime.GOARCH == "amd64"

// TestSeccompProfileX32 looks at the ABIs of the default profile: x32 is among
// them unless the kernel is known to lack it, and a profile of the user's own is
// never changed.
func TestSeccompProfileX32(t *testing.T) {
	s := &specs.Spec{Process: &specs.Process{Capabilities: &specs.LinuxCapabilities{}}}
	const own = `{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86_64","SCMP_ARCH_X32"]}`
	for _, c := range []struct {
		name     string
		mayProbe bool
		text     string
		want     bool
	}{
		{"not asked", false, "", hasX32Rules},
		{"asked", true, "", hasX32Rules && !lacksX32()},
		{"own", true, own, true},
	} {
		p, err := seccompProfile(c.mayProbe)(c.text, s)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if got := slices.Contains(p.Architectures, specs.ArchX32); got != c.want {
			t.Errorf("%s: rules for x32 are there: %v, want %v", c.name, got, c.want)
		}
	}
}
