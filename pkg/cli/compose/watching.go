package compose

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/nerd-cli/nerd/pkg/compose"
	"github.com/nerd-cli/nerd/pkg/compose/watch"
	"github.com/nerd-cli/nerd/pkg/container"
	"github.com/nerd-cli/nerd/pkg/image"
)

// watching is a project whose files are watched.
type watching struct {
	*WatchOptions
	s     *session
	p     *types.Project
	rules []compose.Watched
	files *watch.Watcher
}

// run acts on changes until it is interrupted. What fails is told, and the next
// change is another try.
func (w *watching) run(ctx context.Context) error {
	fmt.Fprintln(w.IO.Out, "Watch enabled")
	changes, err := w.initial()
	for {
		if err != nil {
			return err
		}
		var wait sync.WaitGroup
		for _, r := range compose.React(w.rules, w.files.Path, changes) {
			wait.Go(func() {
				if err := w.act(ctx, &r); err != nil && ctx.Err() == nil {
					w.warn(fmt.Sprintf("service %s: %v", r.Service, err))
				}
			})
		}
		wait.Wait()
		changes, err = w.files.Next(ctx)
	}
}

// initial are the files of rules that want to be synchronised at the beginning.
func (w *watching) initial() ([]watch.Change, error) {
	var out []watch.Change
	for i, r := range w.rules {
		if !r.InitialSync {
			continue
		}
		found, err := w.files.Files(i)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, nil
}

func (w *watching) act(ctx context.Context, r *compose.Reaction) error {
	if r.Rebuild {
		return w.rebuild(ctx, r.Service)
	}
	found, err := w.s.containers(ctx, w.p.Name, []string{r.Service})
	if err != nil {
		return err
	}
	if len(r.Files) > 0 {
		fmt.Fprintf(w.IO.Out, "Syncing %q after changes were detected\n", r.Service)
	}
	var failed []error
	for _, c := range found {
		if c.OneOff || !c.Running() {
			continue
		}
		if err := w.update(ctx, &c, r); err != nil {
			failed = append(failed, fmt.Errorf("container %s: %w", c.Name, err))
		}
	}
	return errors.Join(failed...)
}

// update brings one container up to date.
func (w *watching) update(ctx context.Context, c *compose.Container, r *compose.Reaction) error {
	all := w.s.client.Containers
	if err := compose.Sync(ctx, all, c.ID, r.Files); err != nil {
		return err
	}
	if r.Restart {
		if err := all.Restart(ctx, c.ID, container.StopOptions{}); err != nil {
			return err
		}
		fmt.Fprintf(w.IO.Out, "service %q restarted\n", r.Service)
	}
	return w.s.executor(w.p.Name, w.p, &compose.Observed{}).Hooks(ctx, r.Exec, c.ID, "sync+exec")
}

// rebuild builds the image of a service and puts new containers in the place of
// those of the old one.
func (w *watching) rebuild(ctx context.Context, service string) error {
	fmt.Fprintf(w.IO.Out, "Rebuilding service %q after changes were detected...\n", service)
	p, err := w.p.WithSelectedServices([]string{service}, types.IgnoreDependencies)
	if err != nil {
		return err
	}
	svc := p.Services[service]
	before, err := w.s.client.Images.Resolve(ctx, compose.ImageName(p, &svc))
	if err != nil {
		before = nil // there is none to be replaced
	}
	up := UpOptions{Project: w.Project, Detach: true, Up: compose.UpOptions{Services: []string{service}, IgnoreOrphans: true}, Obtain: w.Obtain}
	up.Obtain.Builds = compose.BuildChoice{All: true}
	if err := up.apply(ctx, w.s, p); err != nil {
		return err
	}
	fmt.Fprintf(w.IO.Out, "service %q successfully built\n", service)
	if w.Prune && before != nil {
		// It stays if anything else uses it, under whatever name.
		_, _ = w.s.client.Images.Remove(ctx, before.ID(), image.RemoveOptions{})
	}
	return nil
}

// beside acts on changes while something else goes on, whose end is the end.
func (w *watching) beside(ctx context.Context, run func(context.Context) error) error {
	watchingCtx, stop := context.WithCancel(ctx)
	over := make(chan struct{})
	go func() {
		defer close(over)
		err := w.run(watchingCtx)
		if watchingCtx.Err() == nil {
			w.warn(err.Error()) // the containers go on
		}
	}()
	err := run(ctx)
	stop()
	<-over
	return err
}
