// Command nerd-build is nerd with the builder's library: nerd runs it for the
// commands that build, so that the others need not link that.
package main

import (
	"context"
	"os"

	"github.com/nerd-cli/nerd/pkg/cli"
	"github.com/nerd-cli/nerd/pkg/cli/buildrun"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
)

func main() {
	os.Exit(cli.MainWithBuilder(context.Background(), os.Args[1:], iostreams.System(), buildrun.Runner{}))
}
