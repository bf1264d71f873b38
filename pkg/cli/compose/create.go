package compose

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/compose"
)

func newCmdCreate(g *Project) *cobra.Command {
	o := &UpOptions{Project: g, Up: compose.UpOptions{NoStart: true}}
	cmd := verb("create [OPTIONS] [SERVICE...]", "Create containers without starting them", anyArgs, nil)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.Up.Services = args
		if err := o.complete(cmd.Flags()); err != nil {
			return flagx.FlagError(cmd, err)
		}
		return runUp(cmd.Context(), o)
	}
	o.common(cmd.Flags())
	return cmd
}

func newCmdScale(g *Project) *cobra.Command {
	o := &UpOptions{Project: g, Detach: true, Up: compose.UpOptions{IgnoreOrphans: true}}
	cmd := verb("scale SERVICE=REPLICAS...", "Change the number of containers of services", flagx.MinArgs(1), func(ctx context.Context, args []string) error {
		o.Scale = args
		for _, a := range args {
			name, _, _ := strings.Cut(a, "=")
			o.Up.Services = append(o.Up.Services, name)
		}
		return runUp(ctx, o)
	})
	cmd.Flags().BoolVar(&o.NoDeps, "no-deps", false, "Leave out what the services depend on")
	return cmd
}

func newCmdWait(g *Project) *cobra.Command {
	var down bool
	cmd := verb("wait SERVICE [SERVICE...] [OPTIONS]", "Wait until a container of the services ends", flagx.MinArgs(1), func(ctx context.Context, args []string) error {
		return runWait(ctx, g, args, down)
	})
	cmd.Flags().BoolVar(&down, "down-project", false, "Take the project down when a container has ended")
	return cmd
}

// since is a time that a flag gives, absolute or as a duration ago.
func since(text, flag string) (time.Time, error) {
	t, err := flagx.ParseTime(text, time.Now())
	if err != nil {
		return t, fmt.Errorf("invalid value for %q: %w", flag, err)
	}
	return t, nil
}
