// Package registry is the commands that log in to registries.
package registry

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/registry"
)

// Service is what the commands need of the domain.
type Service interface {
	Stored(registry.Server) (user string, err error)
	Login(ctx context.Context, s registry.Server, user, secret string) (plainFile string, err error)
	Logout(registry.Server) (bool, error)
}

func service(f *factory.Factory) func() (Service, error) {
	return func() (Service, error) { return f.Registry() }
}

// Shortcuts are the commands that Docker has at the top.
func Shortcuts(f *factory.Factory) []*cobra.Command {
	return []*cobra.Command{NewCmdLogin(f, nil), NewCmdLogout(f, nil)}
}
