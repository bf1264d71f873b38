package compose

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/compose"
)

func newCmdLs(g *Project) *cobra.Command {
	var all, quiet bool
	var format string
	filters := flagx.NewFilters()
	cmd := verb("ls [OPTIONS]", "List projects that have containers", flagx.NoArgs, func(ctx context.Context, _ []string) error {
		return runLs(ctx, g, all, quiet, format, filters.Map())
	})
	fs := cmd.Flags()
	fs.BoolVarP(&all, "all", "a", false, "Show the projects that do not run as well")
	fs.Var(&filters, "filter", "Show projects by name, name=TEXT")
	fs.StringVar(&format, "format", "table", `Layout: "table" or "json"`)
	fs.BoolVarP(&quiet, "quiet", "q", false, "Print names only")
	return cmd
}

func runLs(ctx context.Context, g *Project, all, quiet bool, format string, filters map[string][]string) error {
	for key := range filters {
		if key != "name" {
			return fmt.Errorf("invalid filter '%s'", key)
		}
	}
	s, err := g.open(ctx)
	if err != nil {
		return err
	}
	found, err := compose.Projects(ctx, s.backend)
	if err != nil {
		return err
	}
	var rows []any
	var names []string
	for _, p := range found {
		wanted := len(filters["name"]) == 0 || slices.ContainsFunc(filters["name"], func(f string) bool { return strings.Contains(p.Name, f) })
		if !wanted || !all && !p.Running {
			continue
		}
		names = append(names, p.Name)
		rows = append(rows, struct{ Name, Status, ConfigFiles string }{p.Name, p.Status, p.ConfigFiles})
	}
	if quiet {
		_, err := fmt.Fprint(g.IO.Out, lines(names))
		return err
	}
	headers := map[string]string{"Name": "NAME", "Status": "STATUS", "ConfigFiles": "CONFIG FILES"}
	return layout{text: format, columns: "{{.Name}}\t{{.Status}}\t{{.ConfigFiles}}", headers: headers, pad: 20, array: true}.write(g.IO.Out, rows)
}

func newCmdTop(g *Project) *cobra.Command {
	return verb("top [SERVICES...]", "Show the processes of containers", anyArgs, func(ctx context.Context, args []string) error {
		_, s, found, err := g.project(ctx, args)
		if err != nil {
			return err
		}
		for _, c := range found {
			if !c.Running() {
				continue
			}
			top, err := s.client.Containers.Top(ctx, c.ID, nil)
			if err != nil {
				return err
			}
			fmt.Fprintln(g.IO.Out, c.Name)
			if err := writeTop(g, top.Titles, top.Processes); err != nil {
				return err
			}
		}
		return nil
	})
}
