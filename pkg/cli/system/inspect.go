package system

import (
	"context"
	"fmt"
	"slices"

	"github.com/containerd/errdefs"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/cli/format"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
	"github.com/nerd-cli/nerd/pkg/container"
	"github.com/nerd-cli/nerd/pkg/errs"
	"github.com/nerd-cli/nerd/pkg/nerd"
)

// Finder looks for an object of one kind. A NotFound error means: try the next.
type Finder struct {
	Kind  string
	Sized bool // --size means something for it
	Find  func(ctx context.Context, name string, size bool) (any, error)
}

// foreignKinds are kinds that Docker has and nerd does not: what is in swarms,
// and plugins.
var foreignKinds = []string{"config", "node", "plugin", "secret", "service", "task"}

// InspectOptions are the inputs of `inspect`.
type InspectOptions struct {
	IO      *iostreams.IOStreams
	Finders []Finder
	Names   []string
	Type    string // empty: whatever has the name
	Format  string
	Size    bool
}

// NewCmdInspect makes `inspect`, which looks for objects of every kind.
func NewCmdInspect(f *factory.Factory, runF func(context.Context, *InspectOptions) error) *cobra.Command {
	o := &InspectOptions{IO: f.IO, Finders: finders(f)}
	if runF == nil {
		runF = runInspect
	}
	cmd := &cobra.Command{
		Use:                   "inspect [OPTIONS] NAME|ID [NAME|ID...]",
		Short:                 "Return low-level information on objects of any kind",
		Example:               "  nerd inspect web\n  nerd inspect --type network --format '{{.Driver}}' bridge",
		Args:                  flagx.MinArgs(1),
		DisableFlagsInUseLine: true,
		ValidArgsFunction:     complete.Containers(f, nil),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Names = args
			if cmd.Flags().Changed("type") {
				if err := o.checkType(); err != nil {
					return err
				}
			}
			return runF(cmd.Context(), o)
		},
	}
	fs := cmd.Flags()
	fs.StringVarP(&o.Format, "format", "f", "", `Layout: "json" or a Go template`)
	fs.BoolVarP(&o.Size, "size", "s", false, "Show how much a container takes on disk")
	fs.StringVar(&o.Type, "type", "", "Look for objects of this kind only: container, image, network")
	_ = cmd.RegisterFlagCompletionFunc("type", complete.Words("container", "image", "network"))
	return cmd
}

func (o *InspectOptions) checkType() error {
	if slices.ContainsFunc(o.Finders, func(f Finder) bool { return f.Kind == o.Type }) || slices.Contains(foreignKinds, o.Type) {
		return nil
	}
	return fmt.Errorf("%q is not a valid value for --type: use container, image, network or volume", o.Type)
}

// finders are in the order in which Docker looks.
func finders(f *factory.Factory) []Finder {
	find := func(look func(ctx context.Context, client *nerd.Client, name string, size bool) (any, error)) func(context.Context, string, bool) (any, error) {
		return func(ctx context.Context, name string, size bool) (any, error) {
			client, err := f.Client(ctx)
			if err != nil {
				return nil, err
			}
			return look(ctx, client, name, size)
		}
	}
	return []Finder{
		{"container", true, find(func(ctx context.Context, c *nerd.Client, name string, size bool) (any, error) {
			found, err := c.Containers.Inspect(ctx, name, container.InspectOptions{Size: size})
			return format.Inspect(found), err
		})},
		{"image", false, find(func(ctx context.Context, c *nerd.Client, name string, _ bool) (any, error) {
			return c.Images.Inspect(ctx, name, nil)
		})},
		{"network", false, find(func(ctx context.Context, c *nerd.Client, name string, _ bool) (any, error) {
			return c.Networks.Inspect(ctx, name)
		})},
		{"volume", true, find(func(ctx context.Context, c *nerd.Client, name string, size bool) (any, error) {
			return c.Volumes.Inspect(ctx, name, size)
		})},
	}
}

func (o *InspectOptions) find(ctx context.Context, name string) (any, error) {
	if slices.Contains(foreignKinds, o.Type) {
		return nil, fmt.Errorf("No such %s: %s: nerd works on one machine and has no objects of this kind", o.Type, name) //nolint:staticcheck // Docker's words, which scripts look for
	}
	for _, f := range o.Finders {
		if o.Type != "" && o.Type != f.Kind {
			continue
		}
		object, err := f.Find(ctx, name, o.Size)
		if err == nil && o.Size && !f.Sized {
			fmt.Fprintf(o.IO.Err, "WARNING: --size ignored for %s\n", f.Kind)
		}
		// What cannot be the name of one kind may be that of another.
		if err == nil || o.Type != "" || !errdefs.IsNotFound(err) && !errdefs.IsInvalidArgument(err) {
			return object, err
		}
	}
	return nil, fmt.Errorf("No such object: %s", name) //nolint:staticcheck // Docker's words, which scripts look for
}

func runInspect(ctx context.Context, o *InspectOptions) error {
	out, err := format.NewInspector(o.IO.Out, o.Format)
	if err != nil {
		return err
	}
	var failed []error
	for _, name := range o.Names {
		object, err := o.find(ctx, name)
		if err == nil {
			err = out.Add(object)
		}
		if err != nil {
			failed = append(failed, err)
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	for _, err := range failed {
		o.IO.PrintError(err)
	}
	if len(failed) > 0 {
		return &errs.Exit{Code: 1}
	}
	return nil
}
