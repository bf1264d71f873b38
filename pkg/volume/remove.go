package volume

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/events"
	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"github.com/nerd-cli/nerd/pkg/event"
)

// Remove removes a volume that no container uses, running or not. With force,
// one that does not exist is no error, as in Docker.
func (s *Service) Remove(ctx context.Context, name string, force bool) error {
	_, err := s.remove(ctx, name, false)
	if errdefs.IsNotFound(err) && force {
		return nil
	}
	return err
}

// remove removes a volume and tells its size, if that is asked for.
func (s *Service) remove(ctx context.Context, name string, measure bool) (size int64, err error) {
	if !wellFormed(name) {
		return 0, notFound(name)
	}
	dir, err := lockFolder(ctx, s.folder(name), unix.LOCK_EX)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, notFound(name)
	}
	if err != nil {
		return 0, err
	}
	defer func() { _ = dir.Close() }()
	users, err := s.users(ctx)
	if err != nil {
		return 0, err
	}
	if ids := users[name]; len(ids) > 0 {
		return 0, errorf(errdefs.ErrConflict, "remove %s: volume is in use - [%s]", name, strings.Join(ids, ", "))
	}
	if measure {
		if m, err := s.read(name); err == nil {
			size = max(s.measure(name, m), 0)
		}
	}
	if err := s.unmountAll(name); err != nil {
		return 0, err
	}
	if err := s.erase(name); err != nil {
		return 0, fmt.Errorf("removing volume %s: %w", name, err)
	}
	s.emit(ctx, events.ActionDestroy, name, nil)
	return size, nil
}

// erase takes a locked volume away. The rename is the moment at which it ceases
// to exist; what is left of it if the process is killed then is swept by Repair.
func (s *Service) erase(name string) error {
	going, err := os.MkdirTemp(s.root(), goingPrefix)
	if err != nil {
		return err
	}
	if err := unix.Rename(s.folder(name), going); err != nil { // takes the place of an empty folder
		return errors.Join(err, os.Remove(going))
	}
	return os.RemoveAll(going)
}

// unmountAll unmounts what a killed process left mounted over the volume, and
// refuses to go on if somebody mounted something inside: removing the folders
// would reach into it.
func (s *Service) unmountAll(name string) error {
	if err := detach(s.Path(name)); err != nil {
		return err
	}
	below, err := mountinfo.GetMounts(mountinfo.PrefixFilter(s.folder(name)))
	if err != nil {
		return err
	}
	if len(below) > 0 {
		return errorf(errdefs.ErrFailedPrecondition, "remove %s: something is mounted at %s: unmount it first", name, below[0].Mountpoint)
	}
	return os.RemoveAll(s.refs(name))
}

// detach unmounts all that is mounted exactly at path.
func detach(path string) error {
	for range 16 { // mounts may be stacked
		mounted, err := mountinfo.Mounted(path)
		if errors.Is(err, fs.ErrNotExist) || err == nil && !mounted {
			return nil
		}
		if err != nil {
			return err
		}
		if err := unix.Unmount(path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil {
			return &os.PathError{Op: "unmount", Path: path, Err: err}
		}
	}
	return nil
}

// PruneOptions selects which unused volumes Prune removes.
type PruneOptions struct {
	// Filters are Docker's: all (true: named ones too), label, label!. Without
	// all, only anonymous volumes go.
	Filters map[string][]string
}

// PruneReport is what Prune did.
type PruneReport struct {
	Deleted   []string
	Reclaimed uint64 // bytes
}

// Prune removes the volumes that no container uses.
func (s *Service) Prune(ctx context.Context, opts PruneOptions) (PruneReport, error) {
	var rep PruneReport
	all := false
	for key, values := range opts.Filters {
		switch key {
		case "label", "label!":
		case "all":
			var err error
			if len(values) != 1 {
				return rep, errorf(errdefs.ErrInvalidArgument, "invalid filter 'all': specify one value only")
			}
			if all, err = strconv.ParseBool(values[0]); err != nil {
				return rep, errorf(errdefs.ErrInvalidArgument, "invalid filter 'all': %v", err)
			}
		default:
			return rep, errorf(errdefs.ErrInvalidArgument, "invalid filter '%s'", key)
		}
	}
	users, err := s.users(ctx)
	if err != nil {
		return rep, err
	}
	names, err := s.names()
	if err != nil {
		return rep, err
	}
	var failed []error
	for _, name := range names {
		m, err := s.read(name)
		if _, anonymous := m.Labels[LabelAnonymous]; err != nil || len(users[name]) > 0 || !all && !anonymous || !labelsMatch(opts.Filters, m.Labels) {
			continue
		}
		size, err := s.remove(ctx, name, true)
		switch {
		case err == nil:
			rep.Deleted = append(rep.Deleted, name)
			rep.Reclaimed += uint64(size)
		case !errdefs.IsNotFound(err) && !errdefs.IsConflict(err): // else somebody was faster
			failed = append(failed, err)
		}
	}
	event.Send(ctx, s.cfg.Events, event.New(events.VolumeEventType, events.ActionPrune, "", map[string]string{"reclaimed": strconv.FormatUint(rep.Reclaimed, 10)}))
	return rep, errors.Join(failed...)
}
