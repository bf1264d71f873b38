package container

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/errdefs"

	"github.com/nerd-cli/nerd/pkg/state"
)

// Labels of the lease that reserves a name.
const (
	leaseContainer = "nerd/container" // id of the container that has or will have the name
	leaseOwner     = "nerd/owner"     // the process that is making it
	leaseName      = "nerd/name"
)

// leaseID is the id of the lease for a name. containerd creates a lease
// atomically across processes, so whoever creates it has the name. A hash keeps
// any name within the length of an id.
func leaseID(name string) string {
	sum := sha256.Sum256([]byte(name))
	return "nerd-name-" + hex.EncodeToString(sum[:16])
}

// reserveName takes a name for the container id. A reservation whose container
// does not exist and whose maker is gone is stale and is taken over.
func (s *Service) reserveName(ctx context.Context, name, id string) error {
	self, err := state.Self()
	if err != nil {
		return err
	}
	for range 3 {
		_, err := s.leases.Create(ctx, leases.WithID(leaseID(name)), leases.WithLabels(map[string]string{
			leaseContainer: id, leaseOwner: self.String(), leaseName: name,
		}))
		if !errdefs.IsAlreadyExists(err) {
			return unreachable(err)
		}
		if err := s.freeStaleName(ctx, name); err != nil {
			return err
		}
	}
	return fmt.Errorf("the name %q is being reserved by many at once: try again: %w", name, errdefs.ErrUnavailable)
}

// freeStaleName removes the reservation of a name if it is stale, and fails with
// Docker's words if it is not.
func (s *Service) freeStaleName(ctx context.Context, name string) error {
	var remains string
	err := s.nameLocked(ctx, name, func(l *leases.Lease) error {
		if l == nil { // given up meanwhile
			return nil
		}
		holder := l.Labels[leaseContainer]
		c, stale, err := s.staleName(ctx, *l)
		switch {
		case err != nil:
			return err
		case stale:
			return s.dropLease(ctx, l.ID)
		case c != nil && s.abandoned(ctx, c):
			remains = c.ID
			return nil
		}
		return errorf(errdefs.ErrAlreadyExists,
			"Conflict. The container name %q is already in use by container %q. You have to remove (or rename) that container to be able to reuse that name.",
			"/"+name, holder)
	})
	if err != nil || remains == "" {
		return err
	}
	return ignoreNotFound(s.removeByID(ctx, remains, RemoveOptions{Force: true, Volumes: true}))
}

// releaseName gives up the reservation that a container has on a name. One that
// another container has taken over is left alone.
func (s *Service) releaseName(ctx context.Context, name, id string) error {
	return s.nameLocked(ctx, name, func(l *leases.Lease) error {
		if l == nil || l.Labels[leaseContainer] != id {
			return nil
		}
		return s.dropLease(ctx, l.ID)
	})
}

// nameLocked shows fn the lease of a name, nil if there is none. Leases are
// created atomically, but to look at one and then delete it is two steps: everybody
// who deletes one holds the name's lock, so that what was looked at is what goes.
func (s *Service) nameLocked(ctx context.Context, name string, fn func(*leases.Lease) error) (err error) {
	id := leaseID(name)
	lock, err := state.AcquireLock(ctx, s.cfg.Layout.NameLock(id))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Remove()) }()
	list, err := s.leases.List(ctx, "id=="+id)
	if err != nil {
		return unreachable(err)
	}
	if len(list) == 0 {
		return fn(nil)
	}
	return fn(&list[0])
}

// staleName tells whether nobody will ever use the reservation, and otherwise
// which container has the name, nil while its maker is at it.
func (s *Service) staleName(ctx context.Context, l leases.Lease) (*Container, bool, error) {
	owner, err := state.ParseProcess(l.Labels[leaseOwner])
	alive := err == nil && owner.Alive()
	c, err := s.get(ctx, l.Labels[leaseContainer])
	switch {
	case errdefs.IsNotFound(err):
		return nil, !alive, nil
	case err != nil:
		return nil, false, err
	case c.Name != l.Labels[leaseName]: // by a rename, maybe one that was killed
		return nil, !alive, nil
	}
	if alive {
		return nil, false, nil
	}
	return c, false, nil
}

func (s *Service) dropLease(ctx context.Context, id string) error {
	err := s.leases.Delete(ctx, leases.Lease{ID: id})
	if errdefs.IsNotFound(err) {
		return nil
	}
	return err
}

// idLength is the number of digits of a container id.
const idLength = 64

// newID is a container id: 64 hexadecimal digits, as Docker's. One that looks
// like a number is not given out: its short form could not be a host name.
func newID() string {
	for {
		var b [32]byte
		_, _ = rand.Read(b[:]) // never fails, says crypto/rand
		id := hex.EncodeToString(b[:])
		if strings.ContainsAny(id[:12], "abcdef") {
			return id
		}
	}
}

var (
	adjectives = strings.Fields(`able agile amber ample arctic bold brave breezy bright brisk calm candid clever cosmic crisp
		daring deft eager early earnest fair fleet fresh gentle glad golden grand handy happy hardy honest humble
		jolly keen kind lively lucid lucky mellow merry mighty modest neat nimble noble placid polite prime proud
		quick quiet rapid ready robust rosy serene sharp silent smart snug solid spry steady stout sturdy subtle
		sunny swift tidy true upbeat vivid warm wise witty zesty`)
	nouns = strings.Fields(`anchor atlas badger beacon birch bison bridge brook canyon cedar cliff comet condor coral crane
		delta dolphin dune eagle ember falcon fern fjord forest fox garnet geyser glacier grove harbor hawk heron
		island ivy jaguar juniper kestrel lagoon lantern lark lynx maple marten meadow mesa meteor moose nebula
		oak orca osprey otter owl panther pebble pine planet plover prairie quartz raven reef ridge river robin
		sail salmon sequoia sparrow spruce stork summit swan thicket tiger trout tundra valley walnut willow wren`)
)

// randomName is a name for a container that was given none. The number keeps
// 32 parallel runs from colliding, which in Docker costs a retry under a lock.
func randomName() string {
	var b [4]byte
	_, _ = rand.Read(b[:])
	return fmt.Sprintf("%s_%s_%04d", adjectives[int(b[0])%len(adjectives)], nouns[int(b[1])%len(nouns)], (int(b[2])<<8|int(b[3]))%10000)
}

// checkName applies Docker's rule for container names.
func checkName(name string) error {
	ok := len(name) >= 2
	for i, r := range name {
		alnum := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		if !alnum && (i == 0 || !strings.ContainsRune("_.-", r)) {
			ok = false
		}
	}
	if !ok {
		return errorf(errdefs.ErrInvalidArgument, "Invalid container name (%s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed", name)
	}
	return nil
}
