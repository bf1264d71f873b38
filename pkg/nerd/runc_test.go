package nerd

import (
	"testing"

	"github.com/moby/moby/api/types/system"
)

func TestOldRunc(t *testing.T) {
	for version, want := range map[string]bool{
		"1.1.5": true, "1.1.15": true, "1.2.7": true, "1.2.8": false, "v1.2.8": false, "1.3.0": true, "1.3.2+dev": true, "1.3.3": false, "1.4.0": false,
		"1.4.0-rc.3": false, "1.5.2": false, "2.0.0": false, "0.9.9": true, "": false, "main": false, "1.x.1": false, "1.2": false,
	} {
		if got := oldRunc(version); got != want {
			t.Errorf("%q: %t", version, got)
		}
	}
}

func TestRuncWarnings(t *testing.T) {
	for name, n := range map[string]int{"runc": 1, "crun": 0} {
		v := system.VersionResponse{Components: []system.ComponentVersion{{Name: "containerd", Version: "1.0.0"}, {Name: name, Version: "1.1.5"}}}
		if got := runcWarnings(v); len(got) != n {
			t.Errorf("%s: %q", name, got)
		}
	}
}
