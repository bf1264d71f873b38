// Command nerd is a Docker-compatible command line for containerd.
package main

import (
	"context"
	"os"

	"github.com/nerd-cli/nerd/pkg/cli"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
)

func main() {
	os.Exit(cli.Main(context.Background(), os.Args[1:], iostreams.System()))
}
