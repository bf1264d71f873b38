// Package system is the commands on the whole: versions, facts, repair, and what
// the companion of a container calls.
package system

import (
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
)

// Shortcuts are the commands that stand at the top.
func Shortcuts(f *factory.Factory) []*cobra.Command {
	info := NewCmdInfo(f, nil)
	return []*cobra.Command{NewCmdVersion(f, nil), info, NewCmdInspect(f, nil), NewCmdEvents(f, nil)}
}

// NewCmdSystem makes the group.
func NewCmdSystem(f *factory.Factory) *cobra.Command {
	cmd := group("system COMMAND", "Manage nerd")
	cmd.AddCommand(NewCmdDF(f, nil), NewCmdPrune(f, nil), NewCmdEvents(f, nil), NewCmdInfo(f, nil), NewCmdRepair(f, nil), NewCmdRestore(f, nil), NewCmdDialStdio())
	return cmd
}

func group(use, short string) *cobra.Command {
	return &cobra.Command{
		Use:                   use,
		Short:                 short,
		Args:                  flagx.NoArgs,
		DisableFlagsInUseLine: true,
		RunE:                  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
}

// NewCmdDialStdio makes `system dial-stdio`, by which Docker's client reaches the API
// of a daemon over SSH. There is none here to reach.
func NewCmdDialStdio() *cobra.Command {
	return &cobra.Command{
		Use:                   "dial-stdio",
		Short:                 "Connect to Docker's API (refused)",
		Args:                  flagx.NoArgs,
		Hidden:                true,
		DisableFlagsInUseLine: true,
		ValidArgsFunction:     cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return flagx.FlagError(cmd, flagx.Unsupported("Docker's API is", "run nerd itself on the other machine, by a context with an SSH address"))
		},
	}
}
