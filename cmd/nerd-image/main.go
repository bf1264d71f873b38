// Command nerd-image is nerd with the libraries that convert, encrypt and sign
// images: nerd runs it for the commands that do so, so that the others need not
// link them.
package main

import (
	"context"
	"os"

	"github.com/nerd-cli/nerd/pkg/cli"
	"github.com/nerd-cli/nerd/pkg/cli/imagerun"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
)

func main() {
	os.Exit(cli.MainWithImageTools(context.Background(), os.Args[1:], iostreams.System(), imagerun.Tools{}))
}
