package compose

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/compat"
)

// refusedCommand is one of Docker Compose's that has no meaning here. Its flags are
// known all the same: what is answered is why, not that a flag is unknown.
type refusedCommand struct {
	path, args string
	flags      string // NAME[/SHORT] of a text, with ! of a switch
}

var refusedCommands = []refusedCommand{
	{"publish", "REPOSITORY[:TAG]", "!app !insecure-registry oci-version !resolve-image-digests !with-env !yes/y !y"},
	{"bridge convert", "", "output/o templates transformation/t"},
	{"bridge transformations create", "NAME", "from/f"},
	{"bridge transformations list", "", "format !quiet/q"},
	{"alpha generate", "CONTAINER...", "format name project-dir"},
	{"alpha publish", "REPOSITORY[:TAG]", "!app !insecure-registry oci-version !resolve-image-digests !with-env !yes/y !y"},
	{"docker-cli-plugin-hooks", "", ""},
}

// addRefused adds the commands that are answered with the reason why not.
func addRefused(group *cobra.Command) {
	for _, r := range refusedCommands {
		words := strings.Fields(r.path)
		parent := group
		for _, w := range words[:len(words)-1] {
			parent = childOf(parent, w)
		}
		parent.AddCommand(r.command(words[len(words)-1]))
	}
}

// childOf is the group of a name below another one.
func childOf(parent *cobra.Command, name string) *cobra.Command {
	for _, c := range parent.Commands() {
		if c.Name() == name {
			return c
		}
	}
	made := &cobra.Command{
		Use: name + " COMMAND", Short: "Commands that nerd does not have", Hidden: true, Args: knownCommand, DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	parent.AddCommand(made)
	return made
}

func (r refusedCommand) command(name string) *cobra.Command {
	cmd := &cobra.Command{
		Use: strings.TrimSpace(name + " [OPTIONS] " + r.args), Short: "Not supported", Hidden: true, Args: anyArgs, DisableFlagsInUseLine: true,
		RunE: func(*cobra.Command, []string) error {
			return fmt.Errorf("compose %s is not supported: %s", r.path, compat.Instead("compose "+r.path))
		},
	}
	if name == "list" {
		cmd.Aliases = []string{"ls"}
	}
	for _, text := range strings.Fields(r.flags) {
		name, isSwitch := strings.CutPrefix(text, "!")
		flag, short, _ := strings.Cut(name, "/")
		if isSwitch {
			cmd.Flags().BoolP(flag, short, false, "Not supported")
		} else {
			cmd.Flags().StringArrayP(flag, short, nil, "Not supported")
		}
	}
	return cmd
}
