package compose

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/distribution/reference"
	"github.com/docker/cli/cli/command/formatter"
	"github.com/docker/go-units"
	"github.com/spf13/cobra"
)

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
