// Package archive moves files between trees and tar archives. What comes in, from
// an archive or from a container that is running, is hostile: names, links, sizes
// and kinds of files are checked, and every file is used through a descriptor (see
// package rootfs). Streams are decompressed in this process alone.
package archive

import (
	"archive/tar"
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nerd-cli/nerd/pkg/rootfs"
)

// Sink takes files one by one: folders before what is in them, a file before the
// hard links to it.
type Sink interface {
	// Put takes a file. The header's name is relative; content is what an
	// ordinary file holds, Size bytes, and nil for other kinds.
	Put(h *tar.Header, content io.Reader) error
}

// xattrPrefix is what tar calls an extended attribute by.
const xattrPrefix = "SCHILY.xattr."

// kept are the extended attributes that travel with a file: capabilities, and the
// user's own. Others belong to the file system that they are found on.
func kept(xattr string) bool {
	return xattr == "security.capability" || strings.HasPrefix(xattr, "user.")
}

// header describes a file the way tar does. Sockets have no place in an archive:
// ok is false.
func header(n *rootfs.Node, name string) (h *tar.Header, ok bool, err error) {
	st := &n.Stat
	h = &tar.Header{
		Name: name, Mode: int64(st.Mode & 0o7777), Uid: int(st.Uid), Gid: int(st.Gid),
		ModTime: time.Unix(st.Mtim.Unix()), Format: tar.FormatPAX,
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		h.Typeflag, h.Size = tar.TypeReg, st.Size
	case unix.S_IFDIR:
		h.Typeflag = tar.TypeDir
		h.Name = strings.TrimSuffix(name, "/") + "/"
	case unix.S_IFLNK:
		h.Typeflag = tar.TypeSymlink
		if h.Linkname, err = n.Target(); err != nil {
			return nil, false, err
		}
	case unix.S_IFIFO:
		h.Typeflag = tar.TypeFifo
	case unix.S_IFCHR, unix.S_IFBLK:
		h.Typeflag = tar.TypeChar
		if st.Mode&unix.S_IFMT == unix.S_IFBLK {
			h.Typeflag = tar.TypeBlock
		}
		h.Devmajor, h.Devminor = int64(unix.Major(st.Rdev)), int64(unix.Minor(st.Rdev))
	default:
		return nil, false, nil
	}
	return h, true, addXattrs(h, n)
}

func addXattrs(h *tar.Header, n *rootfs.Node) error {
	if h.Typeflag != tar.TypeReg && h.Typeflag != tar.TypeDir {
		return nil // user attributes and capabilities exist on these alone
	}
	names, err := n.Xattrs()
	if err != nil {
		return err
	}
	for _, name := range names {
		if !kept(name) {
			continue
		}
		value, err := n.Xattr(name)
		if err != nil {
			return err
		}
		if value == nil {
			continue
		}
		if h.PAXRecords == nil {
			h.PAXRecords = map[string]string{}
		}
		h.PAXRecords[xattrPrefix+name] = string(value)
	}
	return nil
}

// refused is an error about one file.
func refused(name, format string, args ...any) error {
	return fmt.Errorf("%s: %s", name, fmt.Sprintf(format, args...))
}
