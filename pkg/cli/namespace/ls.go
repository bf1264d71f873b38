package namespace

import (
	"context"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/cli/cli/command/formatter"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/cli/format"
	"github.com/nerd-cli/nerd/pkg/namespace"
)

// ListOptions are the inputs of `namespace ls`.
type ListOptions struct {
	Base
	Quiet  bool
	Format string
}

// NewCmdList makes `namespace ls`.
func NewCmdList(f *factory.Factory, runF func(context.Context, *ListOptions) error) *cobra.Command {
	o := &ListOptions{Base: newBase(f)}
	if runF == nil {
		runF = runList
	}
	cmd := &cobra.Command{
		Use: "ls [OPTIONS]", Aliases: []string{"list"}, Short: "List namespaces",
		Args: flagx.NoArgs, DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, _ []string) error { return runF(cmd.Context(), o) },
	}
	cmd.Flags().BoolVarP(&o.Quiet, "quiet", "q", false, "Only show names")
	cmd.Flags().StringVarP(&o.Format, "format", "f", "", format.Usage)
	return cmd
}

func runList(ctx context.Context, o *ListOptions) error {
	s, err := o.Service(ctx)
	if err != nil {
		return err
	}
	list, err := s.List(ctx)
	if err != nil {
		return err
	}
	return write(o.IO.Out, o.Format, o.Quiet, list)
}

const (
	defaultTable = "table {{.Name}}\t{{.Containers}}\t{{.Images}}\t{{.Volumes}}\t{{.Labels}}"
	quietTable   = "{{.Name}}"
)

func write(out io.Writer, layout string, quiet bool, list []namespace.Namespace) error {
	switch {
	case quiet && (layout == "" || layout == formatter.TableFormatKey):
		layout = quietTable
	case layout == "" || layout == formatter.TableFormatKey:
		layout = defaultTable
	}
	c := formatter.Context{Output: out, Format: formatter.Format(layout)}
	return c.Write(newRow(namespace.Namespace{}), func(line func(formatter.SubContext) error) error {
		for _, n := range list {
			if err := line(newRow(n)); err != nil {
				return err
			}
		}
		return nil
	})
}

// row is one line of the list, in the words of a template.
type row struct {
	formatter.HeaderContext
	n namespace.Namespace
}

func newRow(n namespace.Namespace) *row {
	r := &row{n: n}
	r.Header = formatter.SubHeaderContext{
		"Name": "NAME", "Containers": "CONTAINERS", "Images": "IMAGES", "Volumes": "VOLUMES", "Labels": "LABELS",
	}
	return r
}

// MarshalJSON is the row for --format json.
func (r *row) MarshalJSON() ([]byte, error) { return formatter.MarshalJSON(r) }

// Name is the name.
func (r *row) Name() string { return r.n.Name }

// Containers is the number of containers.
func (r *row) Containers() string { return strconv.Itoa(r.n.Containers) }

// Images is the number of image names.
func (r *row) Images() string { return strconv.Itoa(r.n.Images) }

// Volumes is the number of nerd's volumes.
func (r *row) Volumes() string { return strconv.Itoa(r.n.Volumes) }

// Labels are the labels, KEY=VALUE, in the order of the keys.
func (r *row) Labels() string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(r.n.Labels)) {
		out = append(out, k+"="+r.n.Labels[k])
	}
	return strings.Join(out, ",")
}

// Label is the value of one label.
func (r *row) Label(name string) string { return r.n.Labels[name] }
