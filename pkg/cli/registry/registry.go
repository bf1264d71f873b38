// Package registry is the commands that log in to registries and search them.
package registry

import (
	"context"

	"github.com/distribution/reference"
	apiregistry "github.com/moby/moby/api/types/registry"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/registry"
)

// Service is what the commands need of the domain.
type Service interface {
	Stored(registry.Server) (user string, err error)
	Login(ctx context.Context, s registry.Server, user, secret string) (plainFile string, err error)
	Logout(registry.Server) (bool, error)
	Search(ctx context.Context, term string, opts registry.SearchOptions) ([]apiregistry.SearchResult, error)
	Plan(ctx context.Context, ref reference.Named) (*registry.Plan, error)
}

func service(f *factory.Factory) func() (Service, error) {
	return func() (Service, error) { return f.Registry() }
}

// Shortcuts are the commands that Docker has at the top.
func Shortcuts(f *factory.Factory) []*cobra.Command {
	return []*cobra.Command{NewCmdLogin(f, nil), NewCmdLogout(f, nil), NewCmdSearch(f, nil)}
}

// NewCmdRegistry makes "nerd registry" with its subcommands.
func NewCmdRegistry(f *factory.Factory) *cobra.Command {
	cmd := &cobra.Command{
		Use:                   "registry COMMAND",
		Short:                 "Look into how registries are reached",
		Args:                  flagx.NoArgs,
		DisableFlagsInUseLine: true,
		RunE:                  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(NewCmdExplain(f, nil))
	return cmd
}
