package compose

import (
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/compose"
)

func newCmdRestart(g *Project) *cobra.Command {
	var noDeps bool
	cmd := verb("restart [OPTIONS] [SERVICE...]", "Restart services", anyArgs, nil)
	timeout := timeoutFlag(cmd)
	cmd.Flags().BoolVar(&noDeps, "no-deps", false, "Leave out services that want to be restarted with these")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return g.change(cmd.Context(), args, func(p *types.Project, o *compose.Observed, services []string) (*compose.Plan, error) {
			if p != nil && !noDeps && len(services) > 0 {
				services = withDependents(p, services)
			}
			return compose.PlanRestart(p, o, services, timeout()), nil
		})
	}
	return cmd
}

// withDependents adds the services that are to be restarted with others.
func withDependents(p *types.Project, services []string) []string {
	out := append([]string(nil), services...)
	for _, name := range services {
		s := p.Services[name]
		s.Name = name
		out = append(out, p.GetDependentsForService(s, func(d types.ServiceDependency) bool { return d.Restart })...)
	}
	return out
}
