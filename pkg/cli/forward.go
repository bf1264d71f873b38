package cli

import (
	"fmt"
	"os"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/remote"
)

// forward runs a command on the machine that the configuration names, in the place
// of this process. It returns if there is no such machine, or if it cannot be done.
func forward(f *factory.Factory, cmd *cobra.Command, args []string) error {
	if !remote.Forwards(cmd) {
		return nil
	}
	cfg, _ := f.Config() // an error is the command's to report, if it asks for the configuration
	if cfg == nil || cfg.Remote == "" {
		return nil
	}
	if err := remote.Check(cmd, args, cfg.Remote); err != nil {
		return err
	}
	given := f.Flags()
	words, err := remote.Words(cmd.Root(), f.Args, given.Context != nil || given.Address != nil)
	if err != nil {
		return err
	}
	program, err := remote.Program()
	if err != nil {
		return err
	}
	argv := remote.Argv(program, cfg, words, f.IO.InIsTerminal() && f.IO.OutIsTerminal())
	return fmt.Errorf("%s: %w", program, syscall.Exec(program, argv, os.Environ()))
}
