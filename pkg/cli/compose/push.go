package compose

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/build/spec"
	"github.com/nerd-cli/nerd/pkg/compose"
	"github.com/nerd-cli/nerd/pkg/image"
)

// PushOptions are the inputs of `push`.
type PushOptions struct {
	*Project
	IgnoreFailures, Quiet bool
}

func newCmdPush(g *Project) *cobra.Command {
	o := PushOptions{Project: g}
	var deps bool
	cmd := verb("push [OPTIONS] [SERVICE...]", "Push the images that services are built to", anyArgs, func(ctx context.Context, args []string) error {
		p, err := g.load(ctx, func(lo *compose.LoadOptions) { lo.NoCheck = true })
		if err == nil {
			p, err = selectServices(p, args, !deps)
		}
		if err != nil {
			return err
		}
		s, err := g.open(ctx)
		if err != nil {
			return err
		}
		return s.push(ctx, p, o)
	})
	fs := cmd.Flags()
	fs.BoolVar(&o.IgnoreFailures, "ignore-push-failures", false, "Push what can be pushed and warn of the rest")
	fs.BoolVar(&deps, "include-deps", false, "Push the images of dependencies too")
	fs.BoolVarP(&o.Quiet, "quiet", "q", false, "Do not show progress")
	return cmd
}

// push sends the images that are built, under each of their names, at a time.
// Services without an image of their name have none to send, as with Docker.
func (s *session) push(ctx context.Context, p *types.Project, o PushOptions) error {
	show, end := s.show()
	if o.Quiet || show == nil {
		show = func(compose.Event) {}
	}
	names := p.ServiceNames()
	failed := make([]error, len(names))
	var wait sync.WaitGroup
	for i, name := range names {
		svc := p.Services[name]
		switch {
		case svc.Build == nil || svc.Image == "":
			show(compose.Event{ID: name, Status: "Skipped", Done: true})
		case s.DryRun:
			show(compose.Event{ID: name, Status: "Would push " + svc.Image, Done: true})
		default:
			wait.Go(func() { failed[i] = s.pushService(ctx, &svc, show) })
		}
	}
	wait.Wait()
	end()
	err := errors.Join(failed...)
	if err != nil && o.IgnoreFailures && ctx.Err() == nil {
		s.warn(err.Error())
		return nil
	}
	return err
}

func (s *session) pushService(ctx context.Context, svc *types.ServiceConfig, show func(compose.Event)) error {
	show(compose.Event{ID: svc.Name, Status: "Pushing"})
	var done []string
	for _, text := range append([]string{svc.Image}, svc.Build.Tags...) {
		tag, err := spec.ParseTag(text)
		if err == nil && !slices.Contains(done, tag) {
			_, err = s.client.Images.Push(ctx, tag, image.PushOptions{})
		}
		if err != nil {
			show(compose.Event{ID: svc.Name, Status: "Error", Done: true, Failed: true})
			return err
		}
		done = append(done, tag)
	}
	show(compose.Event{ID: svc.Name, Status: "Pushed", Done: true})
	return nil
}
