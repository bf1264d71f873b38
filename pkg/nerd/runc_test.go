package nerd

import (
	"testing"

	"github.com/moby/moby/api/types/system"
)

func TestRuncWarnings(t *testing.T) {
	for name, n := range map[string]int{"runc": 1, "crun": 0} {
		v := system.VersionResponse{Components: []system.ComponentVersion{{Name: "containerd", Version: "1.0.0"}, {Name: name, Version: "1.1.5"}}}
		if got := runcWarnings(v); len(got) != n {
			t.Errorf("%s: %q", name, got)
		}
	}
}
