package build

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/config"
	"github.com/nerd-cli/nerd/pkg/errs"
)

// ShowOptions are the inputs of "nerd builder ls" and "nerd builder inspect".
type ShowOptions struct {
	Factory *factory.Factory

	Host      string
	Format    string // of ls: table or json
	Bootstrap bool   // of inspect: start the builder
	List      bool   // ls
}

// NewCmdList makes "nerd builder ls".
func NewCmdList(f *factory.Factory, r Runner) *cobra.Command {
	o := &ShowOptions{Factory: f, List: true}
	cmd := &cobra.Command{
		Use: "ls [OPTIONS]", Short: "List the builder of the namespace", Args: flagx.NoArgs, DisableFlagsInUseLine: true,
		Annotations: map[string]string{aliases: "nerd builder ls, nerd buildx ls"},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Format != "table" && o.Format != "json" {
				return fmt.Errorf("unsupported format %q: use table or json", o.Format)
			}
			return show(cmd.Context(), o, r)
		},
	}
	hostFlag(cmd.Flags(), &o.Host)
	cmd.Flags().StringVar(&o.Format, "format", "table", `Format of the output: "table" or "json"`)
	cmd.Flags().Bool("no-trunc", false, "Don't truncate output: it never is")
	return cmd
}

// NewCmdInspect makes "nerd builder inspect".
func NewCmdInspect(f *factory.Factory, r Runner) *cobra.Command {
	o := &ShowOptions{Factory: f}
	cmd := &cobra.Command{
		Use: "inspect [OPTIONS] [NAME]", Short: "Show the builder of the namespace", Args: flagx.MaxArgs(1), DisableFlagsInUseLine: true, ValidArgsFunction: cobra.NoFileCompletions,
		Annotations: map[string]string{aliases: "nerd builder inspect, nerd buildx inspect"},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 && args[0] != "default" {
				return fmt.Errorf("no builder %q found: each namespace has one, \"default\"", args[0])
			}
			return show(cmd.Context(), o, r)
		},
	}
	hostFlag(cmd.Flags(), &o.Host)
	cmd.Flags().BoolVar(&o.Bootstrap, "bootstrap", false, "Start the builder, if it does not run")
	return cmd
}

func show(ctx context.Context, o *ShowOptions, r Runner) error {
	if r == nil {
		return runCompanion(o.Factory)
	}
	return r.Show(ctx, o)
}

// NewCmdVersion makes "nerd buildx version".
func NewCmdVersion(f *factory.Factory) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Show the version of what builds", Args: flagx.NoArgs, DisableFlagsInUseLine: true,
		Annotations: map[string]string{aliases: "nerd builder version, nerd buildx version"},
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(f.IO.Out, "github.com/nerd-cli/nerd %s\n", config.Version)
			return err
		},
	}
}

// answers are commands of Docker's and nerdctl's that there is nothing for here,
// with the way to what they are used for.
var answers = []struct{ name, short, hint string }{
	{"create", "Create a builder: each namespace has its own", "leave it out; --buildkit-host names a buildkitd that runs elsewhere"},
	{"use", "Choose a builder: each namespace has its own", "leave it out; --buildkit-host names a buildkitd that runs elsewhere"},
	{"dial-stdio", "Connect standard input to a builder", "connect to the socket that 'nerd builder inspect' names"},
	{"debug", "Debug a build step by step", "build up to a stage with --target, and look around in it with 'nerd run -it'"},
	{"history", "List past builds: none are kept", "keep what --metadata-file writes"},
	{"imagetools", "Work on images in registries", "use 'nerd manifest' and 'nerd image inspect'"},
}

// unsupported makes a command that says what to do instead.
func unsupported(name, short, hint string) *cobra.Command {
	return &cobra.Command{
		Use: name, Short: short, Hidden: true, DisableFlagParsing: true, DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return errs.WithHint(fmt.Errorf("%s is not supported", cmd.CommandPath()), "%s", hint)
		},
	}
}

// managing are the commands on builders, besides those that build.
func managing(f *factory.Factory, r Runner) []*cobra.Command {
	out := []*cobra.Command{NewCmdList(f, r), NewCmdInspect(f, r), NewCmdVersion(f)}
	for _, a := range answers {
		out = append(out, unsupported(a.name, a.short, a.hint))
	}
	return out
}
