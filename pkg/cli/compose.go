package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
	"github.com/nerd-cli/nerd/pkg/errs"
)

// composeProgram is the companion that has the loader of Compose files, which
// costs 5 ms at every start of a program that links it.
const composeProgram = "nerd-compose"

// NewCmdCompose makes the command that goes on as the companion. The companion
// parses the same command line once more, so nothing is looked at here.
func NewCmdCompose(f *factory.Factory) *cobra.Command {
	return &cobra.Command{
		Use:                   "compose [OPTIONS] COMMAND",
		Short:                 "Run multi-container applications from Compose files",
		Args:                  cobra.ArbitraryArgs, // the companion checks them
		ValidArgsFunction:     complete.None,       // and completes them
		DisableFlagParsing:    true,
		DisableFlagsInUseLine: true,
		RunE:                  func(*cobra.Command, []string) error { return runComposeProgram(f) },
	}
}

// completesCompose tells whether the shell asks for words after `compose`, which
// the companion alone knows.
func completesCompose(root *cobra.Command, args []string) bool {
	if len(args) < 3 || args[0] != cobra.ShellCompRequestCmd && args[0] != cobra.ShellCompNoDescRequestCmd {
		return false
	}
	cmd, _, err := root.Find(args[1 : len(args)-1])
	return err == nil && cmd.Name() == "compose"
}

// runComposeProgram replaces this program. It returns only if that is impossible.
// The companion learns from its own name where nerd is, which the companions of
// containers call back.
func runComposeProgram(f *factory.Factory) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	dir := filepath.Dir(self)
	for _, path := range []string{filepath.Join(dir, composeProgram), filepath.Join(dir, "..", "libexec", "nerd", composeProgram)} {
		err := syscall.Exec(path, append([]string{self}, f.Args...), os.Environ())
		if !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return errs.WithHint(fmt.Errorf("%s is not installed", composeProgram), "it comes with nerd: run 'make install' in its source tree")
}

// MainCompose is Main in the companion: group makes the only command. program is
// the path of nerd.
func MainCompose(ctx context.Context, program string, args []string, streams *iostreams.IOStreams, group func(*factory.Factory) *cobra.Command) int {
	debug.SetGCPercent(400)
	var globals globalFlags
	f := factory.New(streams, os.LookupEnv, globals.values)
	defer f.Close()
	f.Program, f.Args = program, args
	cobra.EnableCommandSorting = false
	root := &cobra.Command{
		Use: "nerd", SilenceErrors: true, SilenceUsage: true, TraverseChildren: true, DisableFlagsInUseLine: true, Args: flagx.NoArgs,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.Err)
	root.SetFlagErrorFunc(flagx.FlagError)
	setHelp(root, streams)
	root.PersistentFlags().BoolP("help", "h", false, "Print this help")
	root.PersistentFlags().Lookup("help").Hidden = true
	globals.register(root)
	root.AddCommand(group(f))
	completeNothing(root)
	root.SetArgs(args)

	ctx, stop := f.Signals.Watch(ctx)
	defer stop()
	err := composeUsage(usageError(root.ExecuteContext(ctx)))
	if sig, ok := f.Signals.Received(); ok && err != nil && ctx.Err() != nil {
		return interrupted(streams, err, sig)
	}
	report(streams, err)
	return exitCode(err)
}

// composeUsage gives a usage error the exit code that Docker Compose has for it:
// flags that cannot be read have their own, flags that do not go together have not.
func composeUsage(err error) error {
	var usage *flagx.UsageError
	if errors.As(err, &usage) && usage.Code == flagx.ExitBadFlag {
		if usage.Code = 1; syntaxError(usage.Err) {
			usage.Code = flagx.ExitComposeUsage
		}
	}
	return err
}
