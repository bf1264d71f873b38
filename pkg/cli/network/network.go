// Package network is the commands on networks, one file per verb.
package network

import (
	"context"

	apicontainer "github.com/moby/moby/api/types/container"
	apinetwork "github.com/moby/moby/api/types/network"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
	"github.com/nerd-cli/nerd/pkg/container"
	"github.com/nerd-cli/nerd/pkg/netutil"
)

// Service is what the verbs need of networks.
type Service interface {
	Create(context.Context, netutil.CreateOptions) (*netutil.Network, error)
	List(ctx context.Context, filters map[string][]string) ([]apinetwork.Summary, error)
	Broken(context.Context) []error
	Inspect(ctx context.Context, ref string) (*apinetwork.Inspect, error)
	Remove(ctx context.Context, ref string) (*netutil.Network, error)
	Prune(context.Context, netutil.PruneOptions) ([]string, error)
}

// Containers is what the verbs need of containers, whose record says which
// networks they are in.
type Containers interface {
	ConnectNetwork(ctx context.Context, network, ref string, endpoint *apinetwork.EndpointSettings) error
	DisconnectNetwork(ctx context.Context, network, ref string, force bool) error
	List(context.Context, container.ListOptions) ([]apicontainer.Summary, error)
}

// Base is what the options of every verb begin with.
type Base struct {
	IO         *iostreams.IOStreams
	Service    func(context.Context) (Service, error)
	Containers func(context.Context) (Containers, error)
}

func newBase(f *factory.Factory) Base {
	return Base{
		IO: f.IO,
		Service: func(ctx context.Context) (Service, error) {
			client, err := f.Client(ctx)
			if err != nil {
				return nil, err
			}
			return client.Networks, nil
		},
		Containers: func(ctx context.Context) (Containers, error) {
			client, err := f.Client(ctx)
			if err != nil {
				return nil, err
			}
			return client.Containers, nil
		},
	}
}

// verb makes a command of the words that Docker uses for it.
func verb(use, short, example string, args cobra.PositionalArgs) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Example: example, Args: args, DisableFlagsInUseLine: true}
}

// NewCmdNetwork makes the group.
func NewCmdNetwork(f *factory.Factory) *cobra.Command {
	group := verb("network COMMAND", "Manage networks", "", flagx.NoArgs)
	group.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	group.AddCommand(
		NewCmdConnect(f, nil), NewCmdCreate(f, nil), NewCmdDisconnect(f, nil), NewCmdInspect(f, nil),
		NewCmdList(f, nil), NewCmdPrune(f, nil), NewCmdRm(f, nil),
	)
	return group
}
