package compose

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/compose"
)

// vizOptions are the inputs of `alpha viz`.
type vizOptions struct {
	Image, Networks, Ports, Spaces bool
	Indentation                    int
}

// addViz adds `alpha viz`, beside the experiments that are refused.
func addViz(g *Project, group *cobra.Command) {
	o := &vizOptions{}
	cmd := verb("viz [OPTIONS]", "Print services and what they depend on as a graph for Graphviz", anyArgs, func(ctx context.Context, _ []string) error {
		p, err := g.load(ctx, func(lo *compose.LoadOptions) { lo.NoCheck = true })
		if err != nil {
			return err
		}
		_, err = fmt.Fprint(g.IO.Out, graph(p, o))
		return err
	})
	cmd.Hidden = true
	fs := cmd.Flags()
	fs.BoolVar(&o.Image, "image", false, "Show images")
	fs.IntVar(&o.Indentation, "indentation-size", 1, "Tabs or spaces before a line")
	fs.BoolVar(&o.Networks, "networks", false, "Show networks")
	fs.BoolVar(&o.Ports, "ports", false, "Show published ports")
	fs.BoolVar(&o.Spaces, "spaces", false, "Indent with spaces rather than tabs")
	childOf(group, "alpha").AddCommand(cmd)
}

func graph(p *types.Project, o *vizOptions) string {
	indent := strings.Repeat("\t", max(o.Indentation, 0))
	if o.Spaces {
		indent = strings.Repeat(" ", max(o.Indentation, 0))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "digraph %q {\n%slayout=dot;\n", p.Name, indent)
	for _, name := range p.ServiceNames() {
		s := p.Services[name]
		fmt.Fprintf(&b, "%s%q [label=%q];\n", indent, name, strings.Join(o.lines(p, &s), "\n"))
	}
	for _, name := range p.ServiceNames() {
		s := p.Services[name]
		for _, other := range slices.Sorted(slices.Values(s.GetDependencies())) {
			fmt.Fprintf(&b, "%s%q -> %q;\n", indent, name, other)
		}
	}
	b.WriteString("}\n")
	return b.String()
}

// lines are what stands in the box of a service.
func (o *vizOptions) lines(p *types.Project, s *types.ServiceConfig) []string {
	out := []string{s.Name}
	if o.Image {
		out = append(out, "image: "+compose.ImageName(p, s))
	}
	if o.Networks {
		var names []string
		for n := range s.Networks {
			names = append(names, n)
		}
		slices.Sort(names)
		out = append(out, "networks: "+join(names))
	}
	if o.Ports {
		for _, port := range s.Ports {
			out = append(out, fmt.Sprintf("port: %s:%d/%s", port.Published, port.Target, port.Protocol))
		}
	}
	return out
}
