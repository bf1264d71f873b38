package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
)

// AliasesAnnotation is the key under which a command lists its full paths.
const AliasesAnnotation = "aliases"

// setHelp makes every command print its help in the layout of Docker's. It is
// written in Go rather than as a template: nothing is parsed at start.
func setHelp(root *cobra.Command, streams *iostreams.IOStreams) {
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) {
		writeHelp(cmd.OutOrStdout(), cmd, streams.Width())
	})
	root.SetUsageFunc(func(cmd *cobra.Command) error {
		_, err := fmt.Fprintf(cmd.OutOrStderr(), "\nUsage:  %s\n\n%s\n", cmd.UseLine(), cmd.Short)
		return err
	})
}

func writeHelp(w io.Writer, cmd *cobra.Command, width int) {
	text := cmd.Long
	if text == "" {
		text = cmd.Short
	}
	fmt.Fprintf(w, "\nUsage:  %s\n\n%s\n", cmd.UseLine(), text)
	if aliases := cmd.Annotations[AliasesAnnotation]; aliases != "" {
		fmt.Fprintf(w, "\nAliases:\n  %s\n", aliases)
	}
	if cmd.Example != "" {
		fmt.Fprintf(w, "\nExamples:\n%s\n", strings.TrimRight(cmd.Example, "\n"))
	}
	writeCommands(w, cmd)
	title := "Options"
	if !cmd.HasParent() {
		title = "Global Options"
	}
	writeFlags(w, title, cmd.LocalFlags(), width)
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(w, "\nRun '%s COMMAND --help' for more information on a command.\n", cmd.CommandPath())
	}
}

func writeCommands(w io.Writer, cmd *cobra.Command) {
	groups := cmd.Groups()
	if len(groups) == 0 {
		groups = []*cobra.Group{{Title: "Commands:"}}
	}
	width := 0
	for _, sub := range cmd.Commands() {
		width = max(width, len(sub.Name()))
	}
	width = max(width, 11)
	for _, group := range groups {
		title := group.Title
		for _, sub := range cmd.Commands() {
			if sub.GroupID != group.ID || !sub.IsAvailableCommand() {
				continue
			}
			if title != "" {
				fmt.Fprintf(w, "\n%s\n", title)
				title = ""
			}
			fmt.Fprintf(w, "  %-*s %s\n", width, sub.Name(), sub.Short)
		}
	}
}

func writeFlags(w io.Writer, title string, flags *pflag.FlagSet, width int) {
	if usages := flags.FlagUsagesWrapped(max(width-1, 40)); usages != "" {
		fmt.Fprintf(w, "\n%s:\n%s", title, usages)
	}
}
