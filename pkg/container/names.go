package container

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
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
func (s *Service) reserveName(ctx context.Context, name, id string) (leases.Lease, error) {
	self, err := state.Self()
	if err != nil {
		return leases.Lease{}, err
	}
	for range 3 {
		l, err := s.leases.Create(ctx, leases.WithID(leaseID(name)), leases.WithLabels(map[string]string{
			leaseContainer: id, leaseOwner: self.String(), leaseName: name,
		}))
		if !errdefs.IsAlreadyExists(err) {
			if err != nil {
				return l, unreachable(err)
			}
			return l, nil
		}
		if err := s.freeStaleName(ctx, name); err != nil {
			return leases.Lease{}, err
		}
	}
	return leases.Lease{}, fmt.Errorf("the name %q is being reserved by many at once: try again: %w", name, errdefs.ErrUnavailable)
}

// freeStaleName removes the reservation of a name if it is stale, and fails with
// Docker's words if it is not.
func (s *Service) freeStaleName(ctx context.Context, name string) error {
	list, err := s.leases.List(ctx, "id=="+leaseID(name))
	if err != nil {
		return unreachable(err)
	}
	for _, l := range list {
		stale, err := s.staleName(ctx, l)
		if err != nil {
			return err
		}
		if !stale {
			return errorf(errdefs.ErrAlreadyExists,
				"Conflict. The container name %q is already in use by container %q. You have to remove (or rename) that container to be able to reuse that name.",
				"/"+name, l.Labels[leaseContainer])
		}
		if err := s.dropLease(ctx, l.ID); err != nil {
			return err
		}
	}
	return nil
}

// staleName tells whether nobody will ever use the reservation. A container that
// was to be removed at its end (--rm) and whose maker died before it started is
// a remain of that maker: it is removed on the way.
func (s *Service) staleName(ctx context.Context, l leases.Lease) (bool, error) {
	owner, err := state.ParseProcess(l.Labels[leaseOwner])
	ownerAlive := err == nil && owner.Alive()
	c, err := s.get(ctx, l.Labels[leaseContainer])
	switch {
	case errdefs.IsNotFound(err):
		return !ownerAlive, nil
	case err != nil:
		return false, err
	case ownerAlive || !s.abandoned(ctx, c):
		return false, nil
	}
	return true, s.removeByID(ctx, c.ID, RemoveOptions{Force: true, Volumes: true})
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
