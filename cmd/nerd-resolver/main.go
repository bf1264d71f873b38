// Command nerd-resolver answers the containers of one network for each other's
// names. nerd starts it; see pkg/resolver.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/nerd-cli/nerd/pkg/resolver"
)

func main() {
	debug.SetMemoryLimit(16 << 20)
	if err := resolver.Run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "nerd-resolver:", err)
		os.Exit(1)
	}
}
