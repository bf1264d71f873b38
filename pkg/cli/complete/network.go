package complete

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
)

// Networks offers the names of networks that keep accepts; a nil keep takes all.
// Those already on the command line are left out.
func Networks(f *factory.Factory, keep func(name string) bool) Func {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), patience)
		defer cancel()
		client := open(ctx, f)
		if client == nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		list, err := client.Networks.Networks(ctx)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var names []string
		for _, n := range list {
			if !slices.Contains(args, n.Name) && (keep == nil || keep(n.Name)) {
				names = append(names, n.Name)
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// UserNetworks accepts networks that users make and remove, for Networks.
func UserNetworks(name string) bool {
	return !slices.Contains([]string{"bridge", "host", "none"}, name)
}

// NetworkThenContainer offers a network first, then a container.
func NetworkThenContainer(f *factory.Factory) Func {
	networks, containers := Networks(f, nil), Containers(f, nil)
	return func(cmd *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
		switch len(args) {
		case 0:
			return networks(cmd, nil, word)
		case 1:
			return containers(cmd, nil, word)
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}
