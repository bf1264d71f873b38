package compose

import (
	"context"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/compose"
	"github.com/nerd-cli/nerd/pkg/compose/watch"
)

// WatchOptions are the inputs of `watch`.
type WatchOptions struct {
	UpOptions
	NoUp, Prune, Quiet bool
}

func newCmdWatch(g *Project) *cobra.Command {
	o := &WatchOptions{UpOptions: UpOptions{Project: g, Detach: true}}
	cmd := verb("watch [SERVICE...]", "Bring containers up to date when files change", anyArgs, func(ctx context.Context, args []string) error {
		o.Up.Services = args
		o.Obtain.Builds.All, o.Obtain.QuietBuild = true, o.Quiet
		return runWatch(ctx, o)
	})
	cmd.Example = "  nerd compose watch\n  nerd compose watch --no-up web"
	fs := cmd.Flags()
	fs.BoolVar(&o.NoUp, "no-up", false, "Do not build and start the services first")
	fs.BoolVar(&o.Prune, "prune", true, "Remove the image that a rebuild replaces")
	fs.BoolVar(&o.Quiet, "quiet", false, "Do not show the progress of builds")
	return cmd
}

func runWatch(ctx context.Context, o *WatchOptions) error {
	p, err := o.selected(ctx)
	if err != nil {
		return err
	}
	w, err := o.watcher(p)
	if err != nil {
		return err
	}
	defer w.files.Close()
	if w.s, err = o.open(ctx); err != nil {
		return err
	}
	if !o.NoUp {
		if err := o.apply(ctx, w.s, p); err != nil || o.DryRun {
			return err
		}
	}
	return w.run(ctx)
}

// watcher begins to watch: what changes while containers are made is not lost.
func (o *WatchOptions) watcher(p *types.Project) (*watching, error) {
	rules, paths, err := compose.WatchRules(p)
	if err != nil {
		return nil, err
	}
	if compose.Rebuilds(rules) || !o.NoUp && slices.ContainsFunc(p.ServiceNames(), func(name string) bool { return p.Services[name].Build != nil }) {
		if err := o.needBuilder(); err != nil {
			return nil, err
		}
	}
	files, err := watch.Open(paths)
	if err != nil {
		return nil, err
	}
	return &watching{WatchOptions: o, p: p, rules: rules, files: files}, nil
}
