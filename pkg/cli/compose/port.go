package compose

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/flagx"
)

func newCmdPort(g *Project) *cobra.Command {
	var index int
	var protocol string
	cmd := verb("port [OPTIONS] SERVICE PRIVATE_PORT", "Print the address that a port is published at", flagx.ExactArgs(2), func(ctx context.Context, args []string) error {
		want, err := strconv.ParseUint(args[1], 10, 16)
		if err != nil {
			return fmt.Errorf("invalid port %q", args[1])
		}
		c, err := g.one(ctx, args[0], index, true)
		if err != nil {
			return err
		}
		var have []string
		for _, p := range c.Summary.Ports {
			if uint64(p.PrivatePort) == want && p.Type == protocol && p.PublicPort != 0 {
				_, err := fmt.Fprintf(g.IO.Out, "%s:%d\n", p.IP, p.PublicPort)
				return err
			}
			have = append(have, fmt.Sprintf("%d/%s", p.PublicPort, p.Type))
		}
		return fmt.Errorf("no port %d/%s for container %s: %s", want, protocol, c.Name, join(have))
	})
	indexFlag(cmd.Flags(), &index)
	cmd.Flags().StringVar(&protocol, "protocol", "tcp", "tcp or udp")
	return cmd
}
