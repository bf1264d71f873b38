package compose

import (
	"context"
	"fmt"
	"strings"

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

func newCmdCp(g *Project) *cobra.Command {
	var index int
	var all bool
	cmd := verb("cp [OPTIONS] SERVICE:SRC_PATH DEST_PATH|-\n  nerd compose cp [OPTIONS] SRC_PATH|- SERVICE:DEST_PATH", "Copy files between containers of services and the host", flagx.ExactArgs(2), nil)
	fs := cmd.Flags()
	fs.BoolVar(&all, "all", false, "Copy to all containers of the service, those of run as well")
	fs.BoolP("archive", "a", false, "Keep owners and groups")
	fs.BoolP("follow-link", "L", false, "Follow a link in SRC_PATH")
	indexFlag(fs, &index)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return runCp(cmd.Context(), g, args, index, all, passed(fs, "all", "index"))
	}
	return cmd
}

func runCp(ctx context.Context, g *Project, args []string, index int, all bool, flags []string) error {
	from, fromPath := servicePath(args[0])
	to, toPath := servicePath(args[1])
	switch {
	case from != "" && to != "":
		return fmt.Errorf("copying between services is not supported")
	case from == "" && to == "":
		return fmt.Errorf("unknown copy direction: name a service on one side, SERVICE:PATH")
	case from != "":
		c, err := g.one(ctx, from, index, false)
		if err != nil {
			return err
		}
		return delegate(ctx, container.NewCmdCopy(g.Factory, nil), append(flags, c.ID+":"+fromPath, args[1])...)
	}
	_, _, found, err := g.project(ctx, []string{to})
	if err != nil {
		return err
	}
	copied := false
	for _, c := range found {
		if !all && (c.OneOff || index > 0 && c.Number != index) {
			continue
		}
		copied = true
		if err := delegate(ctx, container.NewCmdCopy(g.Factory, nil), append(flags, args[0], c.ID+":"+toPath)...); err != nil {
			return err
		}
		if args[0] == "-" {
			break // it can be read once
		}
	}
	if !copied {
		return fmt.Errorf("no container found for service %q", to)
	}
	return nil
}

// servicePath splits SERVICE:PATH; a path of the host has a slash or dot before
// any colon.
func servicePath(text string) (service, path string) {
	name, path, ok := strings.Cut(text, ":")
	if !ok || name == "" || strings.ContainsAny(name[:1], "./") || strings.Contains(name, "/") {
		return "", text
	}
	return name, path
}
