package compose

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/compose"
)

// DownOptions are the inputs of `down`.
type DownOptions struct {
	*Project
	Down compose.DownOptions
}

func newCmdDown(g *Project) *cobra.Command {
	o := &DownOptions{Project: g}
	var timeout int
	cmd := verb("down [OPTIONS] [SERVICES]", "Stop and remove containers and networks", anyArgs, nil)
	cmd.Example = "  nerd compose down\n  nerd compose down --volumes --remove-orphans\n  nerd compose -p shop down"
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.Down.Services = args
		if cmd.Flags().Changed("timeout") {
			o.Down.Timeout = &timeout
		}
		switch o.Down.Images {
		case "", "local", "all":
		default:
			return fmt.Errorf("invalid value for --rmi: %q: use all or local", o.Down.Images)
		}
		return runDown(cmd.Context(), o)
	}
	fs := cmd.Flags()
	fs.BoolVar(&o.Down.RemoveOrphans, "remove-orphans", false, "Remove containers of services that are not in the file")
	fs.IntVarP(&timeout, "timeout", "t", 0, "Seconds to wait before a container is killed")
	fs.BoolVarP(&o.Down.Volumes, "volumes", "v", false, "Remove the project's volumes, and those without a name")
	fs.BoolVar(&o.Down.Volumes, "volume", false, "Older name of --volumes")
	_ = fs.MarkHidden("volume")
	fs.StringVar(&o.Down.Images, "rmi", "", `Remove images: "all", or "local" for those without a name in the file`)
	return cmd
}

func runDown(ctx context.Context, o *DownOptions) error {
	name, p, err := o.named(ctx)
	if err != nil {
		return err
	}
	if err := checkServices(p, o.Down.Services); err != nil {
		return err
	}
	s, err := o.open(ctx)
	if err != nil {
		return err
	}
	lock, err := s.lock(ctx, name)
	if err != nil {
		return err
	}
	observed, err := compose.Observe(ctx, s.backend, name, p)
	if err != nil {
		return errors.Join(err, lock.Release())
	}
	plan := compose.PlanDown(name, p, observed, o.Down)
	if o.DryRun {
		_, err := fmt.Fprint(o.IO.Out, plan)
		return errors.Join(err, lock.Release())
	}
	if len(plan.Actions) == 0 {
		o.warn(fmt.Sprintf("no resource found to remove for project %q", name))
	}
	if err := s.carryOut(ctx, s.executor(name, p, observed), plan); err != nil || len(o.Down.Services) > 0 {
		return errors.Join(err, lock.Release())
	}
	left, err := compose.Observe(ctx, s.backend, name, nil)
	if err != nil || len(left.Containers) > 0 {
		return errors.Join(err, lock.Release())
	}
	return errors.Join(os.RemoveAll(s.layout.Compose(name)), lock.Remove())
}
