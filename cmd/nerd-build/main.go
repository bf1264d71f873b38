// Command nerd-build is nerd with the builder's library: nerd runs it for the
// commands that build, so that the others need not link that. nerd-compose goes on
// as it, under nerd's name, when a project has images to build.
package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/nerd-cli/nerd/pkg/cli"
	"github.com/nerd-cli/nerd/pkg/cli/buildrun"
	"github.com/nerd-cli/nerd/pkg/cli/compose"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
)

// own is the name under which nerd runs this program for its own commands.
const own = "nerd-build"

func main() {
	if filepath.Base(os.Args[0]) != own {
		os.Exit(cli.MainCompose(context.Background(), os.Args[0], os.Args[1:], iostreams.System(), compose.Group(buildrun.Projects{})))
	}
	os.Exit(cli.MainWithBuilder(context.Background(), os.Args[1:], iostreams.System(), buildrun.Runner{}))
}
