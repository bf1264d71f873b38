package compose

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nerd-cli/nerd/pkg/compose"
)

// containers lists what there is of the project, of all or some services.
func (s *session) containers(ctx context.Context, name string, services []string) ([]compose.Container, error) {
	o, err := compose.Observe(ctx, s.backend, name, nil)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(o.Containers, func(c compose.Container) bool {
		return len(services) > 0 && !slices.Contains(services, c.Service)
	}), nil
}

// project opens the project for commands that only look.
func (g *Project) project(ctx context.Context, services []string) (string, *session, []compose.Container, error) {
	name, p, err := g.named(ctx)
	if err != nil {
		return "", nil, nil, err
	}
	if err := checkServices(p, services); err != nil {
		return "", nil, nil, err
	}
	s, err := g.open(ctx)
	if err != nil {
		return "", nil, nil, err
	}
	found, err := s.containers(ctx, name, services)
	return name, s, found, err
}

// one finds the container of a service with the given number, 0: the first.
func (g *Project) one(ctx context.Context, service string, index int, running bool) (*compose.Container, error) {
	name, _, err := g.named(ctx)
	if err != nil {
		return nil, err
	}
	s, err := g.open(ctx)
	if err != nil {
		return nil, err
	}
	found, err := s.containers(ctx, name, []string{service})
	if err != nil {
		return nil, err
	}
	for _, c := range found {
		if !c.OneOff && (index == 0 || c.Number == index) && (!running || c.Running()) {
			return &c, nil
		}
	}
	if index > 0 {
		return nil, fmt.Errorf("service %q is not running container #%d", service, index)
	}
	return nil, fmt.Errorf("service %q is not running", service)
}

func indexFlag(fs *pflag.FlagSet, index *int) {
	fs.IntVar(index, "index", 0, "Number of the container, if the service has several")
}

// delegate goes on as a command on containers, in this process.
func delegate(ctx context.Context, cmd *cobra.Command, args ...string) error {
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs(args)
	return cmd.ExecuteContext(ctx)
}

// passed are the flags of a command as they were given, for one that has the same.
func passed(fs *pflag.FlagSet, except ...string) []string {
	var out []string
	fs.Visit(func(f *pflag.Flag) {
		if slices.Contains(except, f.Name) {
			return
		}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			for _, v := range list.GetSlice() {
				out = append(out, "--"+f.Name+"="+v)
			}
			return
		}
		out = append(out, "--"+f.Name+"="+f.Value.String())
	})
	return out
}
