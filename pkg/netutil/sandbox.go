package netutil

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// NewSandbox makes a network namespace with its loopback up and pins it at
// Layout.Netns(id), whose path it returns. One that is pinned already is kept,
// so a restarted container has its old one. It takes about a millisecond.
func (s *Service) NewSandbox(ctx context.Context, id string) (path string, err error) {
	l, err := s.lock(ctx, id)
	if err != nil {
		return "", err
	}
	defer releaseLock(l, &err)
	ctx = withLock(ctx, l)
	rec, err := s.loadOrNew(id)
	if err != nil {
		return "", err
	}
	path = s.cfg.Layout.Netns(id)
	if s.host.pinned(path) {
		return path, s.adopt(rec)
	}
	// A record without its namespace is of a container whose wiring ended with
	// it, by a crash or by hand: what it holds elsewhere is given back first.
	if len(rec.Joined) > 0 {
		if err := s.leave(ctx, rec); err != nil {
			return "", err
		}
	}
	if err := s.adopt(rec); err != nil {
		return "", err
	}
	if err := s.host.pin(path); err != nil {
		return "", fmt.Errorf("making a network namespace for container %s: %w", id, err)
	}
	return path, nil
}

// adopt writes the record with the calling process as its owner.
func (s *Service) adopt(rec *record) error {
	fresh, err := newRecord(rec.ID)
	if err != nil {
		return err
	}
	rec.Owner = fresh.Owner
	return s.save(rec)
}

// pin makes a namespace in a thread of its own and mounts it at path.
func (kernel) pin(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDONLY, 0o444)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	done := make(chan error, 1)
	go inThrowawayThread(func() { done <- unshareAndMount(path) })
	if err := <-done; err != nil {
		return errors.Join(err, kernel{}.unpin(path))
	}
	return nil
}

// inThrowawayThread runs f in a thread that ends with it, so that a changed
// namespace cannot reach other goroutines. The main thread cannot end: the
// namespace would look like the whole process's, so it is avoided.
func inThrowawayThread(f func()) {
	runtime.LockOSThread()
	if unix.Gettid() != unix.Getpid() {
		f()
		return // still locked: the runtime ends the thread
	}
	other := make(chan struct{})
	go func() { // cannot run here: this thread is locked and waits
		defer close(other)
		runtime.LockOSThread()
		f()
	}()
	<-other
	runtime.UnlockOSThread()
}

func unshareAndMount(path string) error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	if err := loopbackUp(); err != nil {
		return fmt.Errorf("setting lo up: %w", err)
	}
	self := fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid())
	if err := unix.Mount(self, path, "none", unix.MS_BIND, ""); err != nil {
		return &fs.PathError{Op: "mount", Path: path, Err: err}
	}
	return nil
}

// loopbackUp uses the old ioctl: it is two calls, netlink is a dozen.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	req, err := unix.NewIfreq("lo")
	if err == nil {
		req.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
		err = unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, req)
	}
	return errors.Join(err, unix.Close(fd))
}

// pinned tells a mounted namespace from the plain file left by a process that
// was killed before the mount.
func (kernel) pinned(path string) bool {
	var st unix.Statfs_t
	return unix.Statfs(path, &st) == nil && int64(st.Type) == unix.NSFS_MAGIC
}

// unpin takes the mount and the file away. Removing the file detaches copies
// of the mount in other mount namespaces, which would keep the namespace alive.
func (kernel) unpin(path string) error {
	for {
		err := unix.Unmount(path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) {
			return removeIfThere(path)
		}
		if err != nil {
			return &fs.PathError{Op: "unmount", Path: path, Err: err}
		}
	}
}

// occupied looks for a process in the namespace. It reads all of /proc, so it
// is asked only before something is declared abandoned.
func (k kernel) occupied(path string) bool { return k.inhabited([]string{path})[path] }

// inhabited tells in which of the namespaces there is a process. It reads /proc
// once for all of them.
func (kernel) inhabited(paths []string) map[string]bool {
	inodes, out := map[uint64][]string{}, map[string]bool{}
	for _, path := range paths {
		var st unix.Stat_t
		if (kernel{}).pinned(path) && unix.Stat(path, &st) == nil {
			inodes[st.Ino] = append(inodes[st.Ino], path)
		}
	}
	if len(inodes) == 0 {
		return out
	}
	entries, err := os.ReadDir("/proc")
	if err != nil { // cannot tell: the safe answer
		for _, path := range paths {
			out[path] = true
		}
		return out
	}
	for _, e := range entries {
		if strings.Trim(e.Name(), "0123456789") != "" {
			continue
		}
		var st unix.Stat_t
		if unix.Stat("/proc/"+e.Name()+"/ns/net", &st) == nil {
			for _, path := range inodes[st.Ino] {
				out[path] = true
			}
		}
	}
	return out
}
