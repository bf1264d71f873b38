package image

import (
	"context"
	"errors"
	"path/filepath"
	"slices"

	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/errdefs"
	"github.com/moby/sys/mountinfo"
)

// Unmount unmounts an image wherever it is mounted, or what is mounted at a path.
// With force one that is in use goes from sight, and in truth when it no longer is.
// What is not mounted is NotFound, what is in use FailedPrecondition.
func (s *Service) Unmount(ctx context.Context, ref string, force bool) (gone []MountedImage, err error) {
	ctx = s.client.Context(ctx)
	unlock, err := s.lockMounts(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	all, err := s.mountLeases(ctx)
	if err != nil {
		return nil, err
	}
	fits, err := s.mountMatcher(ctx, ref)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(l leases.Lease) bool { return !fits(l) })
	if len(all) == 0 {
		return nil, errorf(errdefs.ErrNotFound, "%s is not mounted", ref)
	}
	for _, l := range all {
		if err := s.release(ctx, l, force); err != nil {
			return gone, err
		}
		gone = append(gone, mountedBy(l))
	}
	return gone, nil
}

// mountMatcher tells which mounts a path, a name or an id means. An image may have
// been removed, or its name moved, since it was mounted: the name that it had then
// counts first.
func (s *Service) mountMatcher(ctx context.Context, ref string) (func(leases.Lease) bool, error) {
	if IsPath(ref) {
		path, err := filepath.Abs(ref)
		if err != nil {
			return nil, err
		}
		if found, err := filepath.EvalSymlinks(path); err == nil {
			path = found
		}
		return func(l leases.Lease) bool { return l.Labels[mountPath] == path }, nil
	}
	parsed, err := ParseRef(ref)
	if err != nil {
		return nil, err
	}
	familiar := parsed.familiar()
	target := ""
	if records, err := s.find(ctx, ref); err == nil {
		target = records[0].Target.Digest.String()
	}
	return func(l leases.Lease) bool {
		id := l.Labels[mountTarget]
		return l.Labels[mountImage] == familiar || id == target || parsed.digest != "" && id == parsed.digest.String()
	}, nil
}

// IsPath tells a path that a user typed from a reference to an image: none begins
// with a slash or a dot.
func IsPath(typed string) bool { return len(typed) > 0 && (typed[0] == '/' || typed[0] == '.') }

// UnmountAll unmounts all images.
func (s *Service) UnmountAll(ctx context.Context, force bool) ([]MountedImage, error) {
	list, err := s.Mounts(ctx)
	var failed []error
	for i, m := range list {
		if _, err := s.Unmount(ctx, m.Path, force); err != nil && !errdefs.IsNotFound(err) {
			failed = append(failed, err)
			list[i].Path = ""
		}
	}
	list = slices.DeleteFunc(list, func(m MountedImage) bool { return m.Path == "" })
	return list, errors.Join(append(failed, err)...)
}

// repairMounts lets go of images that are held for a place at which nothing is
// mounted: the command was killed, or the machine has been started anew.
func (s *Service) repairMounts(ctx context.Context, dryRun bool) (found []string, err error) {
	all, err := s.mountLeases(ctx)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	unlock, err := s.lockMounts(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if all, err = s.mountLeases(ctx); err != nil {
		return nil, err
	}
	for _, l := range all {
		if mounted, err := mountinfo.Mounted(l.Labels[mountPath]); err == nil && mounted {
			continue
		}
		found = append(found, "image "+l.Labels[mountImage]+" held for "+l.Labels[mountPath]+", where it is not mounted")
		if dryRun {
			continue
		}
		if err := s.release(ctx, l, true); err != nil {
			return found, err
		}
	}
	return found, nil
}
