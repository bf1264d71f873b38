package build

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/tonistiigi/fsutil"
	"github.com/tonistiigi/fsutil/types"
)

// oneFile is a folder that is only in memory: with one file, or empty without a
// name. A build that is killed leaves nothing of it.
type oneFile struct {
	name string
	data []byte
}

// Walk calls fn for the file, if that is what is looked for.
func (f oneFile) Walk(_ context.Context, target string, fn fs.WalkDirFunc) error {
	target = strings.Trim(target, "/")
	if f.name == "" || target != "" && target != "." && target != f.name {
		return nil
	}
	stat := &types.Stat{Path: f.name, Mode: 0o600, Size: int64(len(f.data))}
	return fn(f.name, &fsutil.DirEntryInfo{Stat: stat}, nil)
}

// Open reads the file.
func (f oneFile) Open(path string) (io.ReadCloser, error) {
	if f.name == "" || strings.Trim(path, "/") != f.name {
		return nil, &os.PathError{Op: "open", Path: path, Err: os.ErrNotExist}
	}
	return io.NopCloser(bytes.NewReader(f.data)), nil
}
