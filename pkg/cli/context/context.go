// Package context is the commands on contexts, one file per verb. They keep and
// choose settings and never reach containerd.
package context

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
	"github.com/nerd-cli/nerd/pkg/config"
	"github.com/nerd-cli/nerd/pkg/contexts"
)

// Base is what the options of every verb begin with.
type Base struct {
	IO    *iostreams.IOStreams
	Store func() contexts.Store
	// Config is the configuration in force.
	Config func() (*config.Config, error)
	// Given are the global flags of this command line.
	Given func() config.Flags
}

func newBase(f *factory.Factory) Base {
	return Base{IO: f.IO, Store: f.Contexts, Config: f.Config, Given: f.Flags}
}

// NewCmdContext makes the group.
func NewCmdContext(f *factory.Factory) *cobra.Command {
	cmd := &cobra.Command{
		Use:                   "context COMMAND",
		Short:                 "Manage contexts: named addresses, namespaces and folders",
		Args:                  flagx.NoArgs,
		DisableFlagsInUseLine: true,
		RunE:                  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		NewCmdCreate(f, nil), NewCmdExport(f, nil), NewCmdImport(f, nil), NewCmdInspect(f, nil), NewCmdList(f, nil),
		NewCmdRemove(f, nil), NewCmdShow(f, nil), NewCmdUpdate(f, nil), NewCmdUse(f, nil),
	)
	for _, sub := range cmd.Commands() {
		sub.DisableFlagsInUseLine = true
	}
	return cmd
}

// names completes the names of contexts.
func names(f *factory.Factory) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		list, _ := f.Contexts().List() // what cannot be read is not offered
		var out []cobra.Completion
		for _, c := range list {
			if !strings.Contains(" "+strings.Join(args, " ")+" ", " "+c.Name+" ") {
				out = append(out, cobra.CompletionWithDesc(c.Name, c.Description))
			}
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
}

// firstName completes the first operand alone.
func firstName(f *factory.Factory) cobra.CompletionFunc {
	all := names(f)
	return func(cmd *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return all(cmd, args, word)
	}
}

// apply gives a context the keys of --docker and the global flags of the command
// line.
func (b *Base) apply(c *contexts.Context, docker map[string]string) error {
	for key, value := range docker {
		switch key {
		case "host":
			c.Host = value
		case "from":
			from, err := b.Store().Get(value)
			if err != nil {
				return err
			}
			c.Host = from.Host
		case "ca", "cert", "key", "skip-tls-verify":
			return flagx.Unsupported(fmt.Sprintf("--docker %s= is", key), "a context leads to a unix socket or over SSH, neither has certificates")
		default:
			return fmt.Errorf("unrecognized config key: %s", key)
		}
	}
	given := b.Given()
	for _, s := range []struct{ dst, src *string }{
		{&c.Host, given.Address}, {&c.Namespace, given.Namespace}, {&c.DataRoot, given.DataRoot}, {&c.RunRoot, given.RunRoot}, {&c.Snapshotter, given.Snapshotter},
	} {
		if s.src != nil {
			*s.dst = *s.src
		}
	}
	host, err := contexts.CheckHost(c.Host)
	c.Host = host
	return err
}

// overridden warns that an address in the environment leaves no room for the
// current context.
func (b *Base) overridden() {
	cfg, err := b.Config()
	if err != nil || cfg.Context != contexts.Default {
		return
	}
	if current, err := b.Store().Current(); err == nil && current != contexts.Default && b.Given().Context == nil {
		fmt.Fprintf(b.IO.Err, "Warning: an address given by environment or flag overrides the current context. To use %q, give the global --context flag or unset NERD_ADDRESS and CONTAINERD_ADDRESS.\n", current)
	}
}
