package registry

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
	"github.com/nerd-cli/nerd/pkg/registry"
)

// LogoutOptions are the inputs of `logout`.
type LogoutOptions struct {
	IO      *iostreams.IOStreams
	Service func() (Service, error)
	Server  registry.Server
}

// NewCmdLogout makes `logout`.
func NewCmdLogout(f *factory.Factory, runF func(context.Context, *LogoutOptions) error) *cobra.Command {
	o := &LogoutOptions{IO: f.IO, Service: service(f)}
	if runF == nil {
		runF = runLogout
	}
	return &cobra.Command{
		Use:                   "logout [SERVER]",
		Short:                 "Log out from a registry",
		Example:               "  nerd logout registry.example.com",
		Args:                  flagx.MaxArgs(1),
		DisableFlagsInUseLine: true,
		ValidArgsFunction:     cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if o.Server, err = registry.ParseServer(strings.Join(args, "")); err != nil {
				return err
			}
			return runF(cmd.Context(), o)
		},
	}
}

func runLogout(_ context.Context, o *LogoutOptions) error {
	s, err := o.Service()
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(o.IO.Out, "Removing login credentials for %s\n", o.Server.Name); err != nil {
		return err
	}
	_, err = s.Logout(o.Server)
	return err
}
