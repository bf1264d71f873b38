package image

import (
	"context"
	"slices"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/api/types/image"
	digest "github.com/opencontainers/go-digest"
)

// RemoveOptions says how an image is removed.
type RemoveOptions struct {
	// Force removes all names of an image given by its id, and the image although
	// stopped containers use it.
	Force bool
	// Async leaves the content to containerd's next garbage collection.
	Async bool
}

// Remove removes a name, or by an id the image, as `docker rmi` does: the image
// goes with its last name, and its content unless something else needs it. The
// results are Docker's "Untagged" and "Deleted" lines, in order. An image that a
// container uses is Conflict (FailedPrecondition).
func (s *Service) Remove(ctx context.Context, ref string, opts RemoveOptions) ([]image.DeleteResponse, error) {
	records, err := s.find(ctx, ref)
	if err != nil {
		return nil, err
	}
	ctx = s.client.Context(ctx)
	parsed, err := ParseRef(ref)
	if err != nil {
		return nil, err
	}
	target := records[0].Target
	all, err := s.client.Images().List(ctx, "target.digest=="+target.Digest.String())
	if err != nil {
		return nil, err
	}
	all = sorted(all)
	byName := parsed.named != nil && sameName(records[0].Name, parsed.named)
	if byName && len(named(all)) > 1 {
		return s.untag(ctx, records[0])
	}
	if err := s.removable(ctx, ref, all, byName, opts); err != nil {
		return nil, err
	}
	return s.removeAll(ctx, target.Digest, all, opts.Async)
}

// untag removes one of several names.
func (s *Service) untag(ctx context.Context, record images.Image) ([]image.DeleteResponse, error) {
	if err := s.client.Images().Delete(ctx, record.Name); err != nil && !errdefs.IsNotFound(err) {
		return nil, err
	}
	s.emit(ctx, events.ActionUnTag, record.Target.Digest.String(), Familiar(record.Name), s.labels(ctx, record.Target))
	return []image.DeleteResponse{{Untagged: Familiar(record.Name)}}, nil
}

// removable applies Docker's rules: an id that has names in more than one
// repository needs force, a running container always forbids, a stopped one
// without force.
func (s *Service) removable(ctx context.Context, ref string, all []images.Image, byName bool, opts RemoveOptions) error {
	id := shortID(all[0].Target.Digest)
	if !byName && !opts.Force && len(repositories(all)) > 1 {
		return errorf(errdefs.ErrFailedPrecondition, "conflict: unable to delete %s (must be forced) - image is referenced in multiple repositories", id)
	}
	uses, err := s.uses(ctx)
	if err != nil {
		return err
	}
	users := uses.of(all[0].Target.Digest, all)
	for _, u := range users {
		if u.Running {
			return conflict(ref, byName, id, u, "cannot be forced")
		}
	}
	if len(users) > 0 && !opts.Force {
		return conflict(ref, byName, id, users[0], "must be forced")
	}
	return nil
}

// conflict words a container's claim on an image, as Docker does.
func conflict(ref string, byName bool, id string, u User, force string) error {
	if byName {
		return errorf(errdefs.ErrFailedPrecondition, "conflict: unable to remove repository reference %q (%s) - container %.12s is using its referenced image %s", ref, force, u.ID, id)
	}
	state := "stopped"
	if u.Running {
		state = "running"
	}
	return errorf(errdefs.ErrFailedPrecondition, "conflict: unable to delete %s (%s) - image is being used by %s container %.12s", id, force, state, u.ID)
}

// removeAll removes every record of a target, the last one waiting until the
// content is gone, unless that may come later.
func (s *Service) removeAll(ctx context.Context, target digest.Digest, all []images.Image, async bool) ([]image.DeleteResponse, error) {
	var done []image.DeleteResponse
	labels := s.labels(ctx, all[0].Target) // there is nothing to read them from afterwards
	for i, r := range all {
		var opts []images.DeleteOpt
		if i == len(all)-1 && !async {
			opts = append(opts, images.SynchronousDelete())
		}
		if err := s.client.Images().Delete(ctx, r.Name, opts...); err != nil && !errdefs.IsNotFound(err) {
			return done, err
		}
		if !isDangling(r.Name) {
			s.emit(ctx, events.ActionUnTag, target.String(), Familiar(r.Name), labels)
			done = append(done, image.DeleteResponse{Untagged: Familiar(r.Name)})
		}
	}
	s.forget(target)
	s.emitByID(ctx, events.ActionDelete, target, labels)
	return append(done, image.DeleteResponse{Deleted: target.String()}), nil
}

// named are the records that have a real name.
func named(all []images.Image) []images.Image {
	return slices.DeleteFunc(slices.Clone(all), func(i images.Image) bool { return isDangling(i.Name) })
}

// repositories are the distinct repositories among the names.
func repositories(all []images.Image) []string {
	var found []string
	for _, r := range named(all) {
		ref, err := reference.ParseNormalizedNamed(r.Name)
		if err == nil && !slices.Contains(found, ref.Name()) {
			found = append(found, ref.Name())
		}
	}
	return found
}

// shortID is an id as Docker prints it in messages and tables.
func shortID(d digest.Digest) string {
	if enc := d.Encoded(); len(enc) > 12 {
		return enc[:12]
	}
	return d.String()
}
