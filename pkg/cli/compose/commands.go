package compose

import "github.com/spf13/cobra"

// commands are the verbs, in the order of the help.
func commands(g *Project) []*cobra.Command {
	return []*cobra.Command{
		newCmdConfig(g), newCmdDown(g), newCmdUp(g), newCmdVersion(g),
	}
}
