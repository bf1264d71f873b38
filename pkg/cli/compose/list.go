package compose

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/distribution/reference"
	"github.com/docker/cli/cli/command/formatter"
	"github.com/docker/go-units"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/compose"
	"github.com/nerd-cli/nerd/pkg/volume"
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

func newCmdImages(g *Project) *cobra.Command {
	var quiet bool
	var format string
	cmd := verb("images [OPTIONS] [SERVICE...]", "List the images of containers", anyArgs, func(ctx context.Context, args []string) error {
		return runImages(ctx, g, args, quiet, format)
	})
	cmd.Flags().StringVar(&format, "format", "table", `Layout: "table" or "json"`)
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "Print ids only")
	return cmd
}

func runImages(ctx context.Context, g *Project, services []string, quiet bool, format string) error {
	_, s, found, err := g.project(ctx, services)
	if err != nil {
		return err
	}
	var rows []any
	var ids []string
	for _, c := range found {
		if c.OneOff {
			continue
		}
		var size int64
		if info, err := s.client.Images.Inspect(ctx, c.ImageID, nil); err == nil {
			size = info.Size
		}
		repo, tag := "<none>", "<none>"
		if named, err := reference.ParseNormalizedNamed(c.Image); err == nil {
			named = reference.TagNameOnly(named)
			repo = reference.FamiliarName(named)
			if t, ok := named.(reference.Tagged); ok {
				tag = t.Tag()
			}
		}
		ids = append(ids, strings.TrimPrefix(c.ImageID, "sha256:"))
		if format == "json" {
			rows = append(rows, struct {
				ID, ContainerName, Repository, Tag string
				Size                               int64
			}{c.ImageID, c.Name, repo, tag, size})
			continue
		}
		rows = append(rows, map[string]string{
			"ContainerName": c.Name, "Repository": repo, "Tag": tag, "ID": formatter.TruncateID(c.ImageID), "Size": units.HumanSizeWithPrecision(float64(size), 3),
		})
	}
	if quiet {
		slices.Sort(ids)
		_, err := fmt.Fprint(g.IO.Out, lines(slices.Compact(ids)))
		return err
	}
	headers := map[string]string{"ContainerName": "CONTAINER", "Repository": "REPOSITORY", "Tag": "TAG", "ID": "IMAGE ID", "Size": "SIZE"}
	columns := "{{.ContainerName}}\t{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.Size}}"
	return layout{text: format, columns: columns, headers: headers, pad: 20, array: true}.write(g.IO.Out, rows)
}

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

func newCmdPort(g *Project) *cobra.Command {
	var index int
	var protocol string
	cmd := verb("port [OPTIONS] SERVICE PRIVATE_PORT", "Print the address that a port is published at", flagx.ExactArgs(2), func(ctx context.Context, args []string) error {
		want, err := strconv.ParseUint(args[1], 10, 16)
		if err != nil {
			return fmt.Errorf("invalid port %q", args[1])
		}
		c, err := g.one(ctx, args[0], index, true)
		if err != nil {
			return err
		}
		var have []string
		for _, p := range c.Summary.Ports {
			if uint64(p.PrivatePort) == want && p.Type == protocol && p.PublicPort != 0 {
				_, err := fmt.Fprintf(g.IO.Out, "%s:%d\n", p.IP, p.PublicPort)
				return err
			}
			have = append(have, fmt.Sprintf("%d/%s", p.PublicPort, p.Type))
		}
		return fmt.Errorf("no port %d/%s for container %s: %s", want, protocol, c.Name, join(have))
	})
	indexFlag(cmd.Flags(), &index)
	cmd.Flags().StringVar(&protocol, "protocol", "tcp", "tcp or udp")
	return cmd
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
