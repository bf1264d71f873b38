package config

import "runtime/debug"

// Version and Revision are set at link time with
// -X github.com/nerd-cli/nerd/pkg/config.Version=... and .Revision=....
var (
	Version  = "0.1.0-dev"
	Revision = ""
)

// Commit is the revision that the program was built from, at most seven
// characters, or "unknown".
func Commit() string {
	rev := Revision
	if rev == "" {
		if info, ok := debug.ReadBuildInfo(); ok {
			for _, s := range info.Settings {
				if s.Key == "vcs.revision" {
					rev = s.Value
				}
			}
		}
	}
	switch {
	case rev == "":
		return "unknown"
	case len(rev) > 7:
		return rev[:7]
	}
	return rev
}
