package image

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/docker/cli/cli/command/formatter"
	"github.com/docker/go-units"
	apiimage "github.com/moby/moby/api/types/image"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
)

// HistoryOptions are the inputs of "nerd history".
type HistoryOptions struct {
	Factory *factory.Factory

	Ref      string
	Format   string
	Human    bool
	NoTrunc  bool
	Quiet    bool
	Platform string
}

// NewCmdHistory makes "nerd history".
func NewCmdHistory(f *factory.Factory, runF func(context.Context, *HistoryOptions) error) *cobra.Command {
	o := &HistoryOptions{Factory: f}
	cmd := &cobra.Command{
		Use:                   "history [OPTIONS] IMAGE",
		Short:                 "Show the history of an image",
		Args:                  flagx.ExactArgs(1),
		Annotations:           map[string]string{aliases: "nerd image history, nerd history"},
		DisableFlagsInUseLine: true,
		ValidArgsFunction:     complete.First(1, complete.Images(f)),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Ref = args[0]
			if runF != nil {
				return runF(cmd.Context(), o)
			}
			return runHistory(cmd.Context(), o)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&o.Format, "format", "f", "", formatHelp)
	flags.BoolVarP(&o.Human, "human", "H", true, "Print sizes and dates in human readable format")
	flags.BoolVar(&o.NoTrunc, "no-trunc", false, "Don't truncate output")
	flags.StringVar(&o.Platform, "platform", "", `Show history for the given platform. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")`)
	flags.BoolVarP(&o.Quiet, "quiet", "q", false, "Only show image IDs")
	return cmd
}

func runHistory(ctx context.Context, o *HistoryOptions) error {
	platform, err := parsePlatform(o.Platform)
	if err != nil {
		return err
	}
	client, err := o.Factory.Client(ctx)
	if err != nil {
		return err
	}
	items, err := client.Images.History(ctx, o.Ref, platform)
	if err != nil {
		return err
	}
	out := formatter.Context{Output: o.Factory.IO.Out, Format: o.format(), Trunc: !o.NoTrunc}
	header := &step{HeaderContext: formatter.HeaderContext{Header: formatter.SubHeaderContext{
		"ID": "IMAGE", "CreatedSince": formatter.CreatedSinceHeader, "CreatedAt": formatter.CreatedAtHeader,
		"CreatedBy": "CREATED BY", "Size": formatter.SizeHeader, "Comment": "COMMENT",
	}}}
	return out.Write(header, func(write func(formatter.SubContext) error) error {
		for _, i := range items {
			if err := write(&step{item: i, human: o.Human, trunc: !o.NoTrunc}); err != nil {
				return err
			}
		}
		return nil
	})
}

func (o *HistoryOptions) format() formatter.Format {
	switch {
	case o.Format != "" && o.Format != formatter.TableFormatKey:
		return formatter.Format(o.Format)
	case o.Quiet:
		return formatter.DefaultQuietFormat
	case !o.Human:
		return "table {{.ID}}\t{{.CreatedAt}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}"
	}
	return "table {{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}"
}

// maxCommand is how much of a command the table shows.
const maxCommand = 45

// step is one row. Its methods are the fields of a template.
type step struct {
	formatter.HeaderContext
	item         apiimage.HistoryResponseItem
	human, trunc bool
}

// MarshalJSON gives all fields, for the format json.
func (s *step) MarshalJSON() ([]byte, error) { return formatter.MarshalJSON(s) }

// ID of the image that the step ends in; only the last one has any.
func (s *step) ID() string {
	if s.trunc {
		return formatter.TruncateID(s.item.ID)
	}
	return s.item.ID
}

// CreatedAt is when the step was done.
func (s *step) CreatedAt() string {
	if s.item.Created == 0 {
		return ""
	}
	return time.Unix(s.item.Created, 0).Format(time.RFC3339)
}

// CreatedSince is how long ago that is. Reproducible builds carry dates that
// mean nothing.
func (s *step) CreatedSince() string {
	if !s.human {
		return s.CreatedAt()
	}
	at := time.Unix(s.item.Created, 0)
	if at.Year() < 2000 {
		return "N/A"
	}
	return units.HumanDuration(time.Since(at)) + " ago"
}

// CreatedBy is the command of the step.
func (s *step) CreatedBy() string {
	text := strings.ReplaceAll(s.item.CreatedBy, "\t", " ")
	if s.trunc {
		return formatter.Ellipsis(text, maxCommand)
	}
	return text
}

// Size of the files that the step added.
func (s *step) Size() string {
	if s.human {
		return units.HumanSizeWithPrecision(float64(s.item.Size), 3)
	}
	return strconv.FormatInt(s.item.Size, 10)
}

// Comment on the step.
func (s *step) Comment() string { return s.item.Comment }
