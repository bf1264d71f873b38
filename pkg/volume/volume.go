// Package volume keeps named folders that outlive the containers using them, as
// Docker's driver "local" does: a folder of nerd's own, or, with options,
// whatever the kernel can mount.
//
// A volume is the folder NAME below state.Layout.Volumes with its content in
// _data. It appears and disappears by one rename, so it is there whole or not
// at all. Who uses a volume is not counted but read from the containers'
// records, and a lock on the volume's folder keeps it from going between the
// look and the deed.
package volume

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/events"
	apivolume "github.com/moby/moby/api/types/volume"

	"github.com/nerd-cli/nerd/pkg/event"
	"github.com/nerd-cli/nerd/pkg/state"
)

// Driver is the only driver: there are no plugins.
const Driver = "local"

// LabelAnonymous marks a volume that was given no name, as dockerd's does.
const LabelAnonymous = "com.docker.volume.anonymous"

// Names in the folder of a volume.
const (
	dataName = "_data"
	metaName = "volume.json"
	lockName = "lock"
)

// Config is what a Service is made of.
type Config struct {
	Layout state.Layout
	// Users lists the containers that use each volume, by the volume's name,
	// whether they run or not. Nil: none.
	Users func(ctx context.Context) (map[string][]string, error)
	// Live tells whether a container runs or is being started. Nil: none.
	Live   func(ctx context.Context, id string) (bool, error)
	Events event.Sink // nil: nobody listens
}

// Service is the volume part of nerd. Its methods may be called from several
// goroutines and several processes at once.
type Service struct{ cfg Config }

// New makes a Service. It does nothing yet.
func New(cfg Config) *Service { return &Service{cfg: cfg} }

// CreateOptions is a volume to be made.
type CreateOptions struct {
	Name    string // empty: 64 random hexadecimal digits
	Driver  string // empty: local
	Options map[string]string
	Labels  map[string]string
	// Anonymous marks a volume that a container got without asking for it by name.
	Anonymous bool
}

// meta is what is kept of a volume beside its content. It never changes.
type meta struct {
	Version int
	Created time.Time
	Options map[string]string `json:",omitempty"`
	Labels  map[string]string `json:",omitempty"`
}

const metaVersion = 1

// Path is where the content of a volume is, Docker's Mountpoint.
func (s *Service) Path(name string) string { return filepath.Join(s.folder(name), dataName) }

func (s *Service) root() string { return s.cfg.Layout.Volumes() }

func (s *Service) folder(name string) string { return filepath.Join(s.root(), name) }

func (s *Service) users(ctx context.Context) (map[string][]string, error) {
	if s.cfg.Users == nil {
		return nil, nil
	}
	return s.cfg.Users(ctx)
}

func (s *Service) emit(ctx context.Context, action events.Action, name string, attributes map[string]string) {
	event.Send(ctx, s.cfg.Events, event.New(events.VolumeEventType, action, name, map[string]string{"driver": Driver}, attributes))
}

// shape is a volume in the words of Docker's API.
func (s *Service) shape(name string, m meta) apivolume.Volume {
	return apivolume.Volume{
		Name: name, Driver: Driver, Scope: "local", Mountpoint: s.Path(name),
		CreatedAt: m.Created.UTC().Format(time.RFC3339), Labels: m.Labels, Options: m.Options,
	}
}

// Error is an error whose text is Docker's own and whose kind does not show.
type Error struct {
	text string
	kind error
}

func (e *Error) Error() string { return e.text }
func (e *Error) Unwrap() error { return e.kind }

func errorf(kind error, format string, args ...any) error {
	return &Error{fmt.Sprintf(format, args...), kind}
}

func notFound(name string) error { return errorf(errdefs.ErrNotFound, "get %s: no such volume", name) }
