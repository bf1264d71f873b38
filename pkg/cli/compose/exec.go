package compose

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nerd-cli/nerd/pkg/cli/container"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
)

func newCmdExec(g *Project) *cobra.Command {
	var index int
	var noTTY, detach, privileged bool
	var env []string
	cmd := verb("exec [OPTIONS] SERVICE COMMAND [ARGS...]", "Execute a command in a running container of a service", flagx.MinArgs(2), nil)
	cmd.Example = "  nerd compose exec web sh\n  nerd compose exec --index 2 -T worker env"
	fs := cmd.Flags()
	fs.SetInterspersed(false)
	fs.BoolVarP(&detach, "detach", "d", false, "Run in the background")
	fs.StringArrayVarP(&env, "env", "e", nil, "Environment variable, NAME=VALUE")
	indexFlag(fs, &index)
	terminal := terminalFlags(g, fs, &noTTY)
	fs.BoolVar(&privileged, "privileged", false, "Give the command all rights on the host")
	fs.StringP("user", "u", "", "User, and group after a colon, by name or number")
	fs.StringP("workdir", "w", "", "Folder to start in")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := g.one(cmd.Context(), args[0], index, true)
		if err != nil {
			return err
		}
		flags := passed(fs, "index", "no-tty", "no-TTY", "tty", "interactive")
		if !detach {
			flags = append(flags, "--interactive")
		}
		if terminal() && !detach {
			flags = append(flags, "--tty")
		}
		return delegate(cmd.Context(), container.NewCmdExec(g.Factory, nil), append(append(flags, c.ID), args[1:]...)...)
	}
	return cmd
}

// terminalFlags say whether a command gets a terminal: as a rule where there is one.
func terminalFlags(g *Project, fs *pflag.FlagSet, noTTY *bool) (terminal func() bool) {
	fs.BoolVarP(noTTY, "no-tty", "T", false, "Do not give the command a terminal")
	fs.BoolVar(noTTY, "no-TTY", false, "Older name of --no-tty")
	fs.BoolP("tty", "t", true, "Give the command a terminal where there is one")
	_ = fs.MarkHidden("no-TTY")
	_ = fs.MarkHidden("tty")
	if fs.Lookup("interactive") == nil {
		fs.BoolP("interactive", "i", true, "Attach standard input")
		_ = fs.MarkHidden("interactive")
	}
	return func() bool { return !*noTTY && g.IO.InIsTerminal() && g.IO.OutIsTerminal() }
}
