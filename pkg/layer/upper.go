package layer

import (
	"archive/tar"
	"io"
	"path"
	"strings"

	"github.com/nerd-cli/nerd/pkg/archive"
	"github.com/nerd-cli/nerd/pkg/rootfs"
)

// Upper is a sink that puts a layer into the empty upper folder of an overlay, as
// if it had been written in a container: deletions are devices there.
type Upper struct{ files archive.Extractor }

// NewUpper makes an Upper of a folder that nothing is mounted with.
func NewUpper(folder *rootfs.FS) *Upper {
	return &Upper{archive.Extractor{Tree: folder, Owner: func(uid, gid int) (int, int) { return uid, gid }}}
}

// Put makes one file.
func (u *Upper) Put(h *tar.Header, content io.Reader) error {
	dir, base := path.Split(h.Name)
	if name, ok := strings.CutPrefix(base, whiteout); ok {
		h, content = &tar.Header{Typeflag: tar.TypeChar, Name: dir + name}, nil
	}
	return u.files.Put(h, content)
}

// Close gives folders their times.
func (u *Upper) Close() error { return u.files.Close() }
