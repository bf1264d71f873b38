// Package engine holds the commands around nerd's own containerd.
package engine

import (
	"context"
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/state"
)

// NewCmdEngine makes "nerd engine" with its subcommands.
func NewCmdEngine(f *factory.Factory) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "engine COMMAND",
		Short: "Manage nerd's own containerd",
		Long: `Manage the private containerd and buildkitd that nerd runs on a machine that has
no containerd of its own.

A command that needs containerd uses --address or $CONTAINERD_ADDRESS, else the
system's containerd if one listens, else this engine, which it then starts by
itself. Its programs come from 'make engine'; its files are below /var/lib/nerd
and /run/nerd.`,
		Args: flagx.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(NewCmdUp(f, nil), NewCmdDown(f, nil), NewCmdStatus(f, nil), NewCmdLogs(f, nil))
	return cmd
}

// layout is where the engine of this configuration is.
func layout(f *factory.Factory) (state.Layout, error) {
	cfg, err := f.Config()
	if err != nil {
		return state.Layout{}, err
	}
	return state.NewLayout(cfg.DataRoot, cfg.RunRoot, cfg.Namespace)
}

// PassedOn are the variables that reach the daemons: without them buildkitd
// could not fetch anything from behind a proxy.
func PassedOn() []string {
	var env []string
	for _, name := range []string{
		"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY",
		"http_proxy", "https_proxy", "no_proxy", "all_proxy",
		"SSL_CERT_FILE", "SSL_CERT_DIR", "TZ",
	} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// restore starts the containers whose policy says so. It goes through the usual
// way of finding a containerd, so it only acts where that is the engine.
func restore(ctx context.Context, f *factory.Factory) error {
	client, err := f.Client(ctx)
	if err != nil || !client.Managed {
		return err
	}
	_, err = client.Containers.Restore(ctx)
	return err
}

// errNotRunning makes status exit with 1.
var errNotRunning = errors.New("nerd's engine is not running")
