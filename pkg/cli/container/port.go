package container

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/network"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/container"
)

// PortOptions are the inputs of `port`.
type PortOptions struct {
	Base
	Name string
	Port string // as typed: PRIVATE_PORT[/PROTOCOL]; empty: all
}

// NewCmdPort makes `port`.
func NewCmdPort(f *factory.Factory, runF func(context.Context, *PortOptions) error) *cobra.Command {
	o := &PortOptions{Base: newBase(f)}
	if runF == nil {
		runF = runPort
	}
	cmd := verb("port CONTAINER [PRIVATE_PORT[/PROTO]]", "List port mappings or a specific mapping for the container", flagx.RangeArgs(1, 2))
	cmd.Example = "  nerd port web\n  nerd port web 80/tcp"
	cmd.ValidArgsFunction = complete.First(1, complete.Containers(f, complete.Running))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.Name = args[0]
		if len(args) > 1 {
			o.Port = args[1]
		}
		return runF(cmd.Context(), o)
	}
	return cmd
}

func runPort(ctx context.Context, o *PortOptions) error {
	s, err := o.Service(ctx)
	if err != nil {
		return err
	}
	c, err := s.Inspect(ctx, o.Name, container.InspectOptions{})
	if err != nil {
		return err
	}
	var published network.PortMap
	if c.NetworkSettings != nil {
		published = c.NetworkSettings.Ports
	}
	var text strings.Builder
	if o.Port != "" {
		port, err := network.ParsePort(o.Port)
		if err != nil {
			return err
		}
		if len(published[port]) == 0 {
			return fmt.Errorf("no public port '%s' published for %s", o.Port, o.Name)
		}
		for _, b := range published[port] {
			fmt.Fprintln(&text, hostPort(b))
		}
	} else {
		for _, port := range sortedPorts(published) {
			for _, b := range published[port] {
				fmt.Fprintf(&text, "%s -> %s\n", port, hostPort(b))
			}
		}
	}
	_, err = fmt.Fprint(o.IO.Out, text.String())
	return err
}

func hostPort(b network.PortBinding) string {
	return net.JoinHostPort(b.HostIP.String(), b.HostPort)
}

func sortedPorts(m network.PortMap) []network.Port {
	ports := make([]network.Port, 0, len(m))
	for p := range m {
		ports = append(ports, p)
	}
	slices.SortFunc(ports, func(a, b network.Port) int {
		return cmp.Or(cmp.Compare(a.Num(), b.Num()), cmp.Compare(a.Proto(), b.Proto()))
	})
	return ports
}
