// Command nerd-compose is `nerd compose`: nerd runs it in its own place, under
// its own path as the name, so that no other command pays for the loader of
// Compose files.
package main

import (
	"context"
	"os"

	"github.com/nerd-cli/nerd/pkg/cli"
	"github.com/nerd-cli/nerd/pkg/cli/compose"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
)

func main() {
	os.Exit(cli.MainCompose(context.Background(), os.Args[0], os.Args[1:], iostreams.System(), compose.Group(nil)))
}
