package nerd

import (
	"github.com/moby/moby/api/types/system"

	"github.com/nerd-cli/nerd/pkg/doctor"
)

// runcWarnings says whether the runtime is too old to be trusted.
func runcWarnings(v system.VersionResponse) []string {
	for _, c := range v.Components {
		if c.Name != "runc" {
			continue
		}
		if f := doctor.Versions(c.Name, c.Version); f.Level == doctor.Problem {
			return []string{"WARNING: " + f.Text + ": " + f.Fix}
		}
	}
	return nil
}
