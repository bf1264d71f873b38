package compose

import (
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nerd-cli/nerd/pkg/cli/container"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
)

// simple makes a command that is the same as one on the container of a service.
func simple(g *Project, use, short string, running bool, flags func(*pflag.FlagSet), same func() *cobra.Command) *cobra.Command {
	var index int
	cmd := verb(use, short, flagx.MinArgs(1), nil)
	fs := cmd.Flags()
	flags(fs)
	indexFlag(fs, &index)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := g.one(cmd.Context(), args[0], index, running)
		if err != nil {
			return err
		}
		return delegate(cmd.Context(), same(), append(append(passed(fs, "index"), c.ID), args[1:]...)...)
	}
	return cmd
}

func newCmdAttach(g *Project) *cobra.Command {
	return simple(g, "attach [OPTIONS] SERVICE", "Attach to a running container of a service", true, func(fs *pflag.FlagSet) {
		fs.String("detach-keys", "", "Keys that end the connection and leave the container running")
		fs.Bool("no-stdin", false, "Do not attach standard input")
		fs.Bool("sig-proxy", true, "Pass signals on to the container")
	}, func() *cobra.Command { return container.NewCmdAttach(g.Factory, nil) })
}

func newCmdExport(g *Project) *cobra.Command {
	return simple(g, "export [OPTIONS] SERVICE", "Export the files of a container of a service as a tar", false, func(fs *pflag.FlagSet) {
		fs.StringP("output", "o", "", "Write to this file")
	}, func() *cobra.Command { return container.NewCmdExport(g.Factory, nil) })
}

func newCmdCommit(g *Project) *cobra.Command {
	return simple(g, "commit [OPTIONS] SERVICE [REPOSITORY[:TAG]]", "Make an image of a container of a service", false, func(fs *pflag.FlagSet) {
		fs.StringP("author", "a", "", "Author of the image")
		fs.StringArrayP("change", "c", nil, "Dockerfile instruction for the image")
		fs.StringP("message", "m", "", "Message of the commit")
		fs.BoolP("pause", "p", true, "Pause the container meanwhile")
	}, func() *cobra.Command { return container.NewCmdCommit(g.Factory, nil) })
}

func newCmdStats(g *Project) *cobra.Command {
	cmd := verb("stats [OPTIONS] [SERVICE]", "Show what containers of services use", anyArgs, nil)
	fs := cmd.Flags()
	fs.BoolP("all", "a", false, "Show the containers that do not run as well")
	fs.String("format", "", `Layout: "table", "table TEMPLATE", "json" or a Go template`)
	fs.Bool("no-stream", false, "Print once")
	fs.Bool("no-trunc", false, "Do not shorten anything")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		_, _, found, err := g.project(cmd.Context(), args)
		if err != nil {
			return err
		}
		ids := passed(fs)
		n := len(ids)
		all, _ := fs.GetBool("all")
		for _, c := range found {
			if c.Running() || all {
				ids = append(ids, c.Name)
			}
		}
		if len(ids) == n {
			return fmt.Errorf("no container of the project is running")
		}
		return delegate(cmd.Context(), container.NewCmdStats(g.Factory, nil), ids...)
	}
	return cmd
}
