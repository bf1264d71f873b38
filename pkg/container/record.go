package container

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/errdefs"
	"github.com/containerd/typeurl/v2"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/nerd-cli/nerd/pkg/container/mountpoint"
	"github.com/nerd-cli/nerd/pkg/netutil"
	"github.com/nerd-cli/nerd/pkg/state"
)

// Keys of what nerd keeps on a containerd container. The record is written once,
// the status at each change of state; each is updated by its own field mask, so
// two processes never overwrite each other's part.
const (
	extRecord = "nerd.record"
	extStatus = "nerd.status"

	labelName = "nerd/name"
)

const recordVersion = 1

// Record is a container's configuration, fixed when it is created.
type Record struct {
	Version    int
	ID         string
	Name       string
	Created    time.Time
	Path       string   // the command
	Args       []string // its arguments
	ImageRef   string   // as the user typed it
	ImageID    string   // digest of the image
	Platform   string   // os/arch[/variant]
	Driver     string   // snapshotter
	Config     *container.Config
	HostConfig *container.HostConfig
	Networks   map[string]*network.EndpointSettings // as asked for
	Mounts     []container.MountPoint
	Mounted    []mountpoint.Mount `json:",omitempty"` // what Mounts was made of
	AppArmor   string             `json:",omitempty"`
	FilesOf    string             `json:",omitempty"` // id of the container whose hosts, hostname and resolv.conf it shares
	Warnings   []string           `json:",omitempty"`
}

// Status is what changes while a container lives.
type Status struct {
	State         container.ContainerState
	Process       state.Process // the first process while it runs
	StartedAt     time.Time
	FinishedAt    time.Time
	ExitCode      int
	OOMKilled     bool
	Error         string
	StoppedByHand bool // a stop, kill or rm was asked for: no restart policy applies until the next start
	RestartCount  int
	Backoff       time.Duration                        // before the last restart
	Ports         []netutil.PublishedPort              // as published
	Networks      map[string]*network.EndpointSettings // as attached
}

// Container is one container as read from containerd.
type Container struct {
	Record
	Status      Status
	Health      *container.Health // nil: it was never started with a health check
	SnapshotKey string
	Foreign     bool   // not made by nerd: only what containerd knows is filled in
	oci         []byte // the OCI specification, as JSON
	runtime     string // containerd's name of its runtime
}

func encode(v any) (typeurl.Any, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return &anypb.Any{TypeUrl: "nerd/json", Value: data}, nil
}

// decode reads one containerd container. A container that nerd did not make has
// no record: its id and image are shown, and no verb changes it.
func decode(c containers.Container) (*Container, error) {
	out := &Container{SnapshotKey: c.SnapshotKey, runtime: c.Runtime.Name}
	if c.Spec != nil {
		out.oci = c.Spec.GetValue()
	}
	rec, ok := c.Extensions[extRecord]
	if !ok {
		other := foreign(c)
		other.runtime = out.runtime
		return other, nil
	}
	if err := json.Unmarshal(rec.GetValue(), &out.Record); err != nil {
		return nil, fmt.Errorf("container %s: its record cannot be read: %w", short(c.ID), err)
	}
	if out.Version > recordVersion {
		return nil, fmt.Errorf("container %s was made by a newer nerd (record version %d): %w", short(c.ID), out.Version, errdefs.ErrFailedPrecondition)
	}
	if st, ok := c.Extensions[extStatus]; ok {
		if err := json.Unmarshal(st.GetValue(), &out.Status); err != nil {
			return nil, fmt.Errorf("container %s: its status cannot be read: %w", short(c.ID), err)
		}
	}
	if h, ok := c.Extensions[extHealth]; ok {
		if err := json.Unmarshal(h.GetValue(), &out.Health); err != nil {
			return nil, fmt.Errorf("container %s: its health cannot be read: %w", short(c.ID), err)
		}
	}
	return out, nil
}

// saveStatus publishes the status alone.
func (s *Service) saveStatus(ctx context.Context, c *Container) error {
	st, err := encode(c.Status)
	if err != nil {
		return err
	}
	_, err = s.store.Update(ctx, containers.Container{
		ID: c.ID, Extensions: map[string]typeurl.Any{extStatus: st},
	}, "extensions."+extStatus)
	if err != nil {
		return fmt.Errorf("writing the status of container %s: %w", c.Name, err)
	}
	return nil
}

// saveRecord publishes the record and the name label.
func (s *Service) saveRecord(ctx context.Context, c *Container) error {
	rec, err := encode(c.Record)
	if err != nil {
		return err
	}
	_, err = s.store.Update(ctx, containers.Container{
		ID: c.ID, Labels: map[string]string{labelName: c.Name},
		Extensions: map[string]typeurl.Any{extRecord: rec},
	}, "extensions."+extRecord, "labels."+labelName)
	return err
}

// Running tells whether the first process lives: the status says so and the
// process is there. A record can outlive its process when nobody was there to
// see it end.
func (c *Container) Running() bool {
	switch c.Status.State {
	case container.StateRunning, container.StatePaused:
		return c.Status.Process.Alive()
	}
	return false
}

// ended tells whether the process is gone while the status still has it.
func (c *Container) ended() bool {
	switch c.Status.State {
	case container.StateRunning, container.StatePaused:
		return !c.Status.Process.Alive()
	}
	return false
}

func short(id string) string {
	if len(id) > 12 {
		return id[:12]
	}
	return id
}
