package compose

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/container"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
)

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
