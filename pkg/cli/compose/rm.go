package compose

import (
	"context"
	"fmt"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/compose"
)

func newCmdRm(g *Project) *cobra.Command {
	var force, stop, volumes bool
	cmd := verb("rm [OPTIONS] [SERVICE...]", "Remove containers of services that do not run", anyArgs, func(ctx context.Context, args []string) error {
		var going []string
		planned := func(p *types.Project, o *compose.Observed, services []string) (*compose.Plan, error) {
			plan := compose.PlanRemove(p, o, services, stop, volumes)
			for _, a := range plan.Actions {
				going = append(going, a.Name)
			}
			if len(going) == 0 {
				fmt.Fprintln(g.IO.Err, "No stopped containers")
				return plan, nil
			}
			fmt.Fprintf(g.IO.Out, "Going to remove %s\n", join(going))
			if force || g.DryRun {
				return plan, nil
			}
			yes, err := g.IO.Confirm(ctx, "Are you sure?")
			if err != nil || !yes {
				return &compose.Plan{}, err
			}
			return plan, nil
		}
		return g.change(ctx, args, planned)
	})
	fs := cmd.Flags()
	fs.BoolVarP(&force, "force", "f", false, "Do not ask")
	fs.BoolVarP(&stop, "stop", "s", false, "Stop containers first that run")
	fs.BoolVarP(&volumes, "volumes", "v", false, "Remove their volumes without a name")
	fs.BoolP("all", "a", false, "No effect")
	_ = fs.MarkHidden("all")
	return cmd
}
