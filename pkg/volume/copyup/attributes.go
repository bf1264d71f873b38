package copyup

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// attributes gives an open file what belongs to another: first the owner, whose
// change takes set-user-id and capabilities away, then the mode and the rest.
func attributes(src, dst int, st *unix.Stat_t) error {
	if err := unix.Fchown(dst, int(st.Uid), int(st.Gid)); err != nil {
		return err
	}
	if err := unix.Fchmod(dst, st.Mode&0o7777); err != nil {
		return err
	}
	if err := xattrs(fmt.Sprintf("/proc/self/fd/%d", src), fmt.Sprintf("/proc/self/fd/%d", dst), unix.Listxattr, unix.Getxattr, unix.Setxattr); err != nil {
		return err
	}
	return unix.UtimesNanoAt(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", dst), []unix.Timespec{st.Atim, st.Mtim}, 0)
}

// symlink copies a symbolic link, as it is.
func symlink(src, dst int, name string, st *unix.Stat_t) error {
	buf := make([]byte, max(st.Size, unix.PathMax)+1)
	n, err := unix.Readlinkat(src, name, buf)
	if err != nil {
		return err
	}
	if err := unix.Symlinkat(string(buf[:n]), dst, name); err != nil {
		return err
	}
	return named(src, dst, name, st)
}

// special copies a device, a pipe or a socket.
func special(src, dst int, name string, st *unix.Stat_t) error {
	if err := unix.Mknodat(dst, name, st.Mode, int(st.Rdev)); err != nil { //nolint:unconvert // not everywhere 64 bits
		return err
	}
	// Not a link: it was made just now where nobody else writes.
	if err := named(src, dst, name, st); err != nil {
		return err
	}
	if err := unix.Fchmodat(dst, name, st.Mode&0o7777, 0); err != nil {
		return err
	}
	return times(dst, name, st)
}

// named gives something that cannot be opened its owner, extended attributes
// and times, by its name in a held folder.
func named(src, dst int, name string, st *unix.Stat_t) error {
	if err := unix.Fchownat(dst, name, int(st.Uid), int(st.Gid), unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	from, to := fmt.Sprintf("/proc/self/fd/%d/%s", src, name), fmt.Sprintf("/proc/self/fd/%d/%s", dst, name)
	if err := xattrs(from, to, unix.Llistxattr, unix.Lgetxattr, unix.Lsetxattr); err != nil {
		return err
	}
	return times(dst, name, st)
}

func times(dst int, name string, st *unix.Stat_t) error {
	return unix.UtimesNanoAt(dst, name, []unix.Timespec{st.Atim, st.Mtim}, unix.AT_SYMLINK_NOFOLLOW)
}

// xattrs copies extended attributes, but for those that belong to the file
// system or the host and not to the file. Which of them the destination can
// hold depends on its file system.
func xattrs(from, to string, list func(string, []byte) (int, error), get func(string, string, []byte) (int, error), set func(string, string, []byte, int) error) error {
	names, err := grow(func(buf []byte) (int, error) { return list(from, buf) })
	if unsupported(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("listing extended attributes: %w", err)
	}
	for _, name := range strings.Split(strings.TrimSuffix(string(names), "\x00"), "\x00") {
		if name == "" || name == "security.selinux" || strings.HasPrefix(name, "trusted.overlay.") || strings.HasPrefix(name, "user.overlay.") {
			continue
		}
		value, err := grow(func(buf []byte) (int, error) { return get(from, name, buf) })
		if errors.Is(err, unix.ENODATA) { // removed meanwhile
			continue
		}
		if err != nil {
			return fmt.Errorf("reading the extended attribute %s: %w", name, err)
		}
		if err := set(to, name, value, 0); err != nil && !unsupported(err) {
			return fmt.Errorf("setting the extended attribute %s: %w", name, err)
		}
	}
	return nil
}

func unsupported(err error) bool {
	return errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.ENOSYS) || errors.Is(err, os.ErrPermission)
}

// grow calls a function that fills a buffer, with one that is large enough.
func grow(fill func([]byte) (int, error)) ([]byte, error) {
	buf := make([]byte, 256)
	for {
		n, err := fill(buf)
		if err == nil {
			return buf[:n], nil
		}
		if !errors.Is(err, unix.ERANGE) {
			return nil, err
		}
		buf = make([]byte, 4*len(buf))
	}
}
