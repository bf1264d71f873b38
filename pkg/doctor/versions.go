package doctor

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// flaw is a known way out of a container, or into the host, in a program.
type flaw struct {
	program string
	ids     string
	// fixed are the first releases of each series without it. Newer series never
	// had it, older ones always have.
	fixed [][3]int
}

// flaws are those by which a container or an image gets at the host.
var flaws = []flaw{
	{"runc", "CVE-2024-21626", [][3]int{{1, 1, 12}}},
	{"runc", "CVE-2025-31133, CVE-2025-52565, CVE-2025-52881", [][3]int{{1, 2, 8}, {1, 3, 3}}},
	{"containerd", "CVE-2024-25621, CVE-2025-64329", [][3]int{{1, 7, 29}, {2, 0, 7}, {2, 1, 5}}},
}

// Versions checks the version of a program, such as runc or containerd, for known
// flaws. One that cannot be read is reported as it is.
func Versions(program, version string) Finding {
	n, readable := parse(version)
	if !readable {
		return warning(program, "", "version %q cannot be read: its known flaws were not looked up", version)
	}
	var ids, safe []string
	for _, f := range flaws {
		if f.program == program && f.in(n) {
			ids = append(ids, f.ids)
			for _, v := range f.fixed {
				if text := fmt.Sprintf("%d.%d.%d", v[0], v[1], v[2]); !slices.Contains(safe, text) {
					safe = append(safe, text)
				}
			}
		}
	}
	if len(ids) == 0 {
		return ok(program, "%s", version)
	}
	return problem(program, fmt.Sprintf("update %s to %s or newer", program, safe[len(safe)-1]),
		"%s %s has known ways out of a container: %s", program, version, strings.Join(ids, ", "))
}

// in tells whether a release has the flaw.
func (f flaw) in(n [3]int) bool {
	for _, v := range f.fixed {
		if n[0] == v[0] && n[1] == v[1] {
			return n[2] < v[2]
		}
	}
	newest := f.fixed[len(f.fixed)-1]
	return n[0] < newest[0] || n[0] == newest[0] && n[1] < newest[1]
}

// parse reads MAJOR.MINOR.PATCH with whatever follows.
func parse(version string) (n [3]int, readable bool) {
	core, _, _ := strings.Cut(strings.TrimPrefix(version, "v"), "-")
	core, _, _ = strings.Cut(core, "+")
	core, _, _ = strings.Cut(core, "~")
	parts := strings.Split(core, ".")
	if len(parts) < len(n) {
		return n, false
	}
	for i := range n {
		var err error
		if n[i], err = strconv.Atoi(parts[i]); err != nil {
			return n, false
		}
	}
	return n, true
}
