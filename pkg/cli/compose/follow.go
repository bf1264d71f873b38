package compose

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/spf13/pflag"

	"github.com/nerd-cli/nerd/pkg/compose"
	"github.com/nerd-cli/nerd/pkg/errs"
)

// FollowOptions say how `up` in the foreground goes on.
type FollowOptions struct {
	Attach, NoAttach            []string
	AttachDeps                  bool
	AbortOnExit, AbortOnFailure bool
	ExitCodeFrom                string
	NoColor, NoPrefix           bool
	Timestamps                  bool

	// lasting goes on when all containers have ended, and with those that come:
	// changed files make new ones.
	lasting bool
}

func (f *FollowOptions) register(fs *pflag.FlagSet) {
	fs.StringArrayVar(&f.Attach, "attach", nil, "Show the output of these services only")
	fs.StringArrayVar(&f.NoAttach, "no-attach", nil, "Do not show the output of these services")
	fs.BoolVar(&f.AttachDeps, "attach-dependencies", false, "Show the output of dependencies too")
	fs.BoolVar(&f.AbortOnExit, "abort-on-container-exit", false, "Stop all containers when one ends")
	fs.BoolVar(&f.AbortOnFailure, "abort-on-container-failure", false, "Stop all containers when one fails")
	fs.StringVar(&f.ExitCodeFrom, "exit-code-from", "", "End with the exit code of this service's container; implies --abort-on-container-exit")
	fs.BoolVar(&f.NoColor, "no-color", false, "Do not colour the prefixes")
	fs.BoolVar(&f.NoPrefix, "no-log-prefix", false, "Print lines without the name of their container")
	fs.BoolVar(&f.Timestamps, "timestamps", false, "Begin each line with its time")
}

func (f *FollowOptions) aborts() bool {
	return f.AbortOnExit || f.AbortOnFailure || f.ExitCodeFrom != ""
}

func (f *FollowOptions) check(p *types.Project) error {
	names := slices.Concat(f.Attach, f.NoAttach)
	if f.ExitCodeFrom != "" {
		names = append(names, f.ExitCodeFrom)
	}
	return checkServices(p, names)
}

// wants tells whether the output of a service is shown.
func (f *FollowOptions) wants(p *types.Project, asked []string, service string) bool {
	s := p.Services[service]
	switch {
	case slices.Contains(f.NoAttach, service) || s.Attach != nil && !*s.Attach:
		return false
	case len(f.Attach) > 0:
		return slices.Contains(f.Attach, service)
	}
	return len(asked) == 0 || f.AttachDeps || slices.Contains(asked, service)
}

// ended is how a container ended for good.
type ended struct {
	c    compose.Container
	code int
	err  error
}

// run shows the output of the project's containers until all have ended, one ends
// that all are to end with, or the user interrupts; then it stops them.
func (f *FollowOptions) run(ctx context.Context, s *session, p *types.Project, asked []string, since time.Time, timeout *int) error {
	observed, err := compose.Observe(ctx, s.backend, p.Name, nil)
	if err != nil {
		return err
	}
	var shown []compose.Container
	for _, c := range observed.Containers {
		if _, ours := p.Services[c.Service]; ours && !c.OneOff {
			shown = append(shown, c)
		}
	}
	var names []string
	for _, c := range shown {
		if f.wants(p, asked, c.Service) {
			names = append(names, shortName(p.Name, c.Name))
		}
	}
	if len(names) > 0 {
		fmt.Fprintf(s.IO.Out, "Attaching to %s\n", strings.Join(names, ", "))
	}
	v := newView(s.Project, names, f.NoColor, f.NoPrefix)
	if f.lasting {
		return (&lasting{FollowOptions: f, s: s, p: p, v: v, asked: asked}).run(ctx, shown, since, timeout)
	}
	// The output of a container is read to its end after an abort.
	following, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	ends := make(chan ended, len(shown))
	var wait sync.WaitGroup
	for _, c := range shown {
		wait.Go(func() {
			v.follow(following, s, p.Name, c, since, f.wants(p, asked, c.Service), f.Timestamps, ends)
		})
	}
	return f.watch(ctx, s, p, shown, ends, timeout, func() { wait.Wait() })
}

// watch waits for the end of the containers or for a reason to stop them.
func (f *FollowOptions) watch(ctx context.Context, s *session, p *types.Project, all []compose.Container, ends <-chan ended, timeout *int, drained func()) error {
	code, abort := 0, false
	for n := 0; n < len(all) && !abort; n++ {
		select {
		case <-ctx.Done():
			fmt.Fprintln(s.IO.Err, "Gracefully stopping... (press Ctrl+C again to force)")
			err := s.stopAll(context.WithoutCancel(ctx), p, all, timeout)
			drained()
			return errors.Join(ctx.Err(), err)
		case e := <-ends:
			if e.err != nil {
				return e.err
			}
			abort = f.AbortOnExit || f.ExitCodeFrom != "" || f.AbortOnFailure && e.code != 0
			if f.ExitCodeFrom == "" && abort || f.ExitCodeFrom == e.c.Service {
				code = e.code
			}
			if abort {
				if err := f.abort(ctx, s, p, all, ends, timeout, len(all)-n-1, &code); err != nil {
					return err
				}
			}
		}
	}
	drained()
	if code != 0 {
		return &errs.Exit{Code: code}
	}
	return nil
}

// abort stops all containers and takes in the ends of those that are left.
func (f *FollowOptions) abort(ctx context.Context, s *session, p *types.Project, all []compose.Container, ends <-chan ended, timeout *int, left int, code *int) error {
	fmt.Fprintln(s.IO.Err, "Aborting on container exit...")
	if err := s.stopAll(ctx, p, all, timeout); err != nil {
		return err
	}
	for range left {
		if e := <-ends; f.ExitCodeFrom == e.c.Service {
			*code = e.code
		}
	}
	return nil
}
