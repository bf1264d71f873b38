package nerd

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/system"
)

// safeRunc are the first releases of each series in which the known ways out of a
// container by races on mounts and masked paths are closed; newer series have the
// repairs from the start.
var safeRunc = []struct{ major, minor, patch int }{{1, 2, 8}, {1, 3, 3}}

// runcWarnings says whether the runtime is too old to be trusted.
func runcWarnings(v system.VersionResponse) []string {
	for _, c := range v.Components {
		if c.Name == "runc" && oldRunc(c.Version) {
			return []string{fmt.Sprintf(
				"WARNING: runc %s has known ways out of a container (CVE-2025-31133, CVE-2025-52565, CVE-2025-52881): use 1.2.8, 1.3.3 or newer", c.Version)}
		}
	}
	return nil
}

// oldRunc reads MAJOR.MINOR.PATCH with whatever follows. A version that cannot be
// read is not called old.
func oldRunc(version string) bool {
	core, _, _ := strings.Cut(strings.TrimPrefix(version, "v"), "-")
	core, _, _ = strings.Cut(core, "+")
	parts := strings.Split(core, ".")
	if len(parts) < 3 {
		return false
	}
	var n [3]int
	for i := range n {
		var err error
		if n[i], err = strconv.Atoi(parts[i]); err != nil {
			return false
		}
	}
	for _, s := range safeRunc {
		if n[0] == s.major && n[1] == s.minor {
			return n[2] < s.patch
		}
	}
	first := safeRunc[0]
	return n[0] < first.major || n[0] == first.major && n[1] < first.minor
}
