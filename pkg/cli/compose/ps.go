package compose

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/docker/cli/cli/command/formatter"
	"github.com/docker/go-units"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/compose"
	"github.com/nerd-cli/nerd/pkg/container"
)

// PsOptions are the inputs of `ps`.
type PsOptions struct {
	*Project
	Names                                  []string
	Format, Filter                         string
	Status                                 []string
	All, Quiet, Services, NoTrunc, Orphans bool
}

func newCmdPs(g *Project) *cobra.Command {
	o := &PsOptions{Project: g}
	cmd := verb("ps [OPTIONS] [SERVICE...]", "List containers", anyArgs, func(ctx context.Context, args []string) error {
		o.Names = args
		return runPs(ctx, o)
	})
	fs := cmd.Flags()
	fs.BoolVarP(&o.All, "all", "a", false, "Show the containers that do not run as well")
	fs.StringVar(&o.Filter, "filter", "", "Show services by a property, only status=STATUS")
	fs.StringVar(&o.Format, "format", "table", `Layout: "table", "table TEMPLATE", "json" or a Go template`)
	fs.BoolVar(&o.NoTrunc, "no-trunc", false, "Do not shorten anything")
	fs.BoolVar(&o.Orphans, "orphans", true, "Show containers of services that are not in the file")
	fs.BoolVarP(&o.Quiet, "quiet", "q", false, "Print ids only")
	fs.BoolVar(&o.Services, "services", false, "Print the names of services")
	fs.StringArrayVar(&o.Status, "status", nil, "Show containers in this state: paused, restarting, removing, running, dead, created, exited")
	return cmd
}

// publisher is a published port, as Docker Compose's JSON has it.
type publisher struct {
	URL           string
	TargetPort    uint16
	PublishedPort uint16
	Protocol      string
}

// psRow is a container, with the fields of Docker Compose's JSON.
type psRow struct {
	Command, CreatedAt                                                            string
	ExitCode                                                                      int
	Health, ID, Image, Labels, LocalVolumes, Mounts, Name, Names, Networks, Ports string
	Project                                                                       string
	Publishers                                                                    []publisher
	RunningFor, Service, Size, State, Status                                      string
}

var psHeaders = map[string]string{
	"Command": "COMMAND", "CreatedAt": "CREATED AT", "ExitCode": "EXIT CODE", "Health": "HEALTH", "ID": "CONTAINER ID", "Image": "IMAGE",
	"Labels": "LABELS", "LocalVolumes": "LOCAL VOLUMES", "Mounts": "MOUNTS", "Name": "NAME", "Names": "NAMES", "Networks": "NETWORKS", "Ports": "PORTS",
	"Project": "PROJECT", "RunningFor": "CREATED", "Service": "SERVICE", "Size": "SIZE", "State": "STATE", "Status": "STATUS", "Publishers": "PUBLISHERS",
}

func runPs(ctx context.Context, o *PsOptions) error {
	if o.Filter != "" {
		status, ok := strings.CutPrefix(o.Filter, "status=")
		if !ok {
			return fmt.Errorf("unknown filter %q: only status=STATUS is known", o.Filter)
		}
		o.Status = append(o.Status, status)
	}
	name, p, err := o.named(ctx)
	if err != nil {
		return err
	}
	if err := checkServices(p, o.Names); err != nil {
		return err
	}
	s, err := o.open(ctx)
	if err != nil {
		return err
	}
	found, err := s.containers(ctx, name, o.Names)
	if err != nil {
		return err
	}
	found = slices.DeleteFunc(found, func(c compose.Container) bool {
		if !o.Orphans && p != nil {
			if _, ours := p.AllServices()[c.Service]; !ours {
				return true
			}
		}
		if len(o.Status) > 0 {
			return !slices.Contains(o.Status, string(c.State))
		}
		return !o.All && (!c.Running() || c.OneOff && !c.Running())
	})
	slices.SortStableFunc(found, func(a, b compose.Container) int { return strings.Compare(a.Name, b.Name) })
	return o.print(ctx, s, name, found)
}

func (o *PsOptions) print(ctx context.Context, s *session, project string, found []compose.Container) error {
	var words []string
	var rows []any
	for _, c := range found {
		switch {
		case o.Quiet:
			words = append(words, c.ID)
		case o.Services:
			words = append(words, c.Service)
		default:
			row, err := o.row(ctx, s, project, c)
			if err != nil {
				return err
			}
			rows = append(rows, row)
		}
	}
	if o.Quiet || o.Services {
		if o.Services {
			slices.Sort(words)
			words = slices.Compact(words)
		}
		_, err := fmt.Fprint(o.IO.Out, lines(words))
		return err
	}
	columns := "{{.Name}}\t{{.Image}}\t{{.Command}}\t{{.Service}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}"
	return layout{text: o.Format, columns: columns, headers: psHeaders, pad: 10}.write(o.IO.Out, rows)
}

// row describes a container. How one ended is asked for only if it has: what runs
// costs nothing.
func (o *PsOptions) row(ctx context.Context, s *session, project string, c compose.Container) (psRow, error) {
	command := c.Summary.Command
	if !o.NoTrunc {
		command = formatter.Ellipsis(command, 20)
	}
	id := c.ID
	if !o.NoTrunc {
		id = formatter.TruncateID(id)
	}
	r := psRow{
		Command: fmt.Sprintf("%q", command), CreatedAt: time.Unix(c.Created, 0).String(), Health: string(c.Health), ID: id, Image: c.Image,
		Name: c.Name, Names: c.Name, Ports: formatter.DisplayablePorts(c.Summary.Ports), Project: project, Service: c.Service, Size: "0B",
		RunningFor: units.HumanDuration(c.Age(time.Now())) + " ago", State: string(c.State), Status: c.Summary.Status,
	}
	var labels, mounts []string
	for k, v := range c.Labels {
		labels = append(labels, k+"="+v)
	}
	slices.Sort(labels)
	local := 0
	for _, m := range c.Summary.Mounts {
		name := m.Name
		if name == "" {
			name = m.Source
		} else {
			local++
		}
		mounts = append(mounts, name)
	}
	r.Labels, r.Mounts, r.LocalVolumes = strings.Join(labels, ","), strings.Join(mounts, ","), fmt.Sprint(local)
	if n := c.Summary.NetworkSettings; n != nil {
		var names []string
		for name := range n.Networks {
			names = append(names, name)
		}
		slices.Sort(names)
		r.Networks = strings.Join(names, ",")
	}
	for _, port := range c.Summary.Ports {
		url := ""
		if port.IP.IsValid() {
			url = port.IP.String()
		}
		r.Publishers = append(r.Publishers, publisher{url, port.PrivatePort, port.PublicPort, port.Type})
	}
	if c.Running() || o.Format == "" || o.Format == "table" {
		return r, nil
	}
	info, err := s.client.Containers.Inspect(ctx, c.ID, container.InspectOptions{})
	if err != nil {
		return r, err
	}
	r.ExitCode = info.State.ExitCode
	return r, nil
}
