package compose

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/docker/cli/cli/command/formatter"
	"github.com/docker/go-units"

	"github.com/nerd-cli/nerd/pkg/compose"
	"github.com/nerd-cli/nerd/pkg/container"
)

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
