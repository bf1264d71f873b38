package compose

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/compose"
)

// PsOptions are the inputs of `ps`.
type PsOptions struct {
	*Project
	Names                                  []string
	Format, Filter                         string
	Status                                 []string
	All, Quiet, Services, NoTrunc, Orphans bool
}

func newCmdPs(g *Project) *cobra.Command {
	o := &PsOptions{Project: g}
	cmd := verb("ps [OPTIONS] [SERVICE...]", "List containers", anyArgs, func(ctx context.Context, args []string) error {
		o.Names = args
		return runPs(ctx, o)
	})
	fs := cmd.Flags()
	fs.BoolVarP(&o.All, "all", "a", false, "Show the containers that do not run as well")
	fs.StringVar(&o.Filter, "filter", "", "Show services by a property, only status=STATUS")
	fs.StringVar(&o.Format, "format", "table", `Layout: "table", "table TEMPLATE", "json" or a Go template`)
	fs.BoolVar(&o.NoTrunc, "no-trunc", false, "Do not shorten anything")
	fs.BoolVar(&o.Orphans, "orphans", true, "Show containers of services that are not in the file")
	fs.BoolVarP(&o.Quiet, "quiet", "q", false, "Print ids only")
	fs.BoolVar(&o.Services, "services", false, "Print the names of services")
	fs.StringArrayVar(&o.Status, "status", nil, "Show containers in this state: paused, restarting, removing, running, dead, created, exited")
	return cmd
}

func runPs(ctx context.Context, o *PsOptions) error {
	if o.Filter != "" {
		status, ok := strings.CutPrefix(o.Filter, "status=")
		if !ok {
			return fmt.Errorf("unknown filter %q: only status=STATUS is known", o.Filter)
		}
		o.Status = append(o.Status, status)
	}
	name, p, err := o.named(ctx)
	if err != nil {
		return err
	}
	if err := checkServices(p, o.Names); err != nil {
		return err
	}
	s, err := o.open(ctx)
	if err != nil {
		return err
	}
	found, err := s.containers(ctx, name, o.Names)
	if err != nil {
		return err
	}
	found = slices.DeleteFunc(found, func(c compose.Container) bool {
		if !o.Orphans && p != nil {
			if _, ours := p.AllServices()[c.Service]; !ours {
				return true
			}
		}
		if len(o.Status) > 0 {
			return !slices.Contains(o.Status, string(c.State))
		}
		return !o.All && (!c.Running() || c.OneOff && !c.Running())
	})
	slices.SortStableFunc(found, func(a, b compose.Container) int { return strings.Compare(a.Name, b.Name) })
	return o.print(ctx, s, name, found)
}

func (o *PsOptions) print(ctx context.Context, s *session, project string, found []compose.Container) error {
	var words []string
	var rows []any
	for _, c := range found {
		switch {
		case o.Quiet:
			words = append(words, c.ID)
		case o.Services:
			words = append(words, c.Service)
		default:
			row, err := o.row(ctx, s, project, c)
			if err != nil {
				return err
			}
			rows = append(rows, row)
		}
	}
	if o.Quiet || o.Services {
		if o.Services {
			slices.Sort(words)
			words = slices.Compact(words)
		}
		_, err := fmt.Fprint(o.IO.Out, lines(words))
		return err
	}
	columns := "{{.Name}}\t{{.Image}}\t{{.Command}}\t{{.Service}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}"
	return layout{text: o.Format, columns: columns, headers: psHeaders, pad: 10}.write(o.IO.Out, rows)
}
