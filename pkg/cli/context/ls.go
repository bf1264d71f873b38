package context

import (
	"context"
	"fmt"

	"github.com/docker/cli/cli/command/formatter"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/cli/format"
	"github.com/nerd-cli/nerd/pkg/contexts"
)

// ListOptions are the inputs of `context ls`.
type ListOptions struct {
	Base
	Quiet  bool
	Format string
}

// NewCmdList makes `context ls`.
func NewCmdList(f *factory.Factory, runF func(context.Context, *ListOptions) error) *cobra.Command {
	o := &ListOptions{Base: newBase(f)}
	if runF == nil {
		runF = runList
	}
	cmd := &cobra.Command{
		Use:               "ls [OPTIONS]",
		Aliases:           []string{"list"},
		Short:             "List contexts",
		Example:           "  nerd context ls\n  nerd context ls --format '{{.Name}} {{.DockerEndpoint}}'",
		Args:              flagx.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(cmd *cobra.Command, _ []string) error { return runF(cmd.Context(), o) },
	}
	cmd.Flags().BoolVarP(&o.Quiet, "quiet", "q", false, "Only show names")
	cmd.Flags().StringVar(&o.Format, "format", "", format.Usage)
	return cmd
}

func runList(_ context.Context, o *ListOptions) error {
	cfg, err := o.Config()
	if err != nil {
		return err
	}
	list, failed := o.Store().List()
	shown := make([]*formatter.ClientContext, 0, len(list))
	for _, c := range list {
		row := &formatter.ClientContext{Name: c.Name, Description: c.Description, DockerEndpoint: endpoint(c, cfg.Address), Current: c.Name == cfg.Context}
		if c.Name == contexts.Default {
			row.Description = "The configuration without a context"
		}
		shown = append(shown, row)
	}
	layout := o.Format
	if layout == "" {
		layout = formatter.TableFormatKey
	}
	if err := formatter.ClientContextWrite(formatter.Context{Output: o.IO.Out, Format: formatter.NewClientContextFormat(layout, o.Quiet)}, shown); err != nil {
		return err
	}
	o.overridden()
	return failed
}

// endpoint is the address of a context as Docker writes it. That of the default
// one is configured, or looked for.
func endpoint(c contexts.Context, configured string) string {
	host := c.Host
	if c.Name == contexts.Default {
		host = configured
	}
	if host != "" && host[0] == '/' {
		return "unix://" + host
	}
	return host
}

// NewCmdShow makes `context show`.
func NewCmdShow(f *factory.Factory, runF func(context.Context, *Base) error) *cobra.Command {
	b := newBase(f)
	if runF == nil {
		runF = func(_ context.Context, b *Base) error {
			cfg, err := b.Config()
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(b.IO.Out, cfg.Context)
			return err
		}
	}
	return &cobra.Command{
		Use:               "show",
		Short:             "Print the name of the context in force",
		Example:           "  nerd context show",
		Args:              flagx.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(cmd *cobra.Command, _ []string) error { return runF(cmd.Context(), &b) },
	}
}
