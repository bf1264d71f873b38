package compose

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/compose"
	"github.com/nerd-cli/nerd/pkg/volume"
)

func newCmdVolumes(g *Project) *cobra.Command {
	var quiet bool
	var format string
	cmd := verb("volumes [OPTIONS] [SERVICE...]", "List the volumes of the project", anyArgs, func(ctx context.Context, args []string) error {
		return runVolumes(ctx, g, args, quiet, format)
	})
	cmd.Flags().StringVar(&format, "format", "table", `Layout: "table", "table TEMPLATE", "json" or a Go template`)
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "Print names only")
	return cmd
}

func runVolumes(ctx context.Context, g *Project, services []string, quiet bool, format string) error {
	name, s, found, err := g.project(ctx, services)
	if err != nil {
		return err
	}
	used := map[string]bool{}
	for _, c := range found {
		for _, m := range c.Summary.Mounts {
			used[m.Name] = true
		}
	}
	list, err := s.client.Volumes.List(ctx, volume.ListOptions{Filters: map[string][]string{"label": {compose.LabelProject + "=" + name}}})
	if err != nil {
		return err
	}
	var rows []any
	var names []string
	for _, v := range list {
		if len(services) > 0 && !used[v.Name] {
			continue
		}
		names = append(names, v.Name)
		rows = append(rows, struct{ Name, Driver, Mountpoint, Scope string }{v.Name, v.Driver, v.Mountpoint, v.Scope})
	}
	if quiet {
		_, err := fmt.Fprint(g.IO.Out, lines(names))
		return err
	}
	headers := map[string]string{"Name": "VOLUME NAME", "Driver": "DRIVER", "Mountpoint": "MOUNTPOINT", "Scope": "SCOPE"}
	return layout{text: format, columns: "{{.Driver}}\t{{.Name}}", headers: headers, pad: 10}.write(g.IO.Out, rows)
}
