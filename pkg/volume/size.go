package volume

import (
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/containerd/errdefs"
	"github.com/docker/go-units"
)

// measure is the size of a volume's content in bytes as dockerd counts it: what
// is not a folder, each file once however many names it has. What is mounted
// over a volume is not nerd's to measure and is -1.
func (s *Service) measure(name string, m meta) int64 {
	if len(m.Options) > 0 {
		return -1
	}
	type inode struct{ dev, ino uint64 }
	seen := map[inode]bool{}
	var total int64
	// What goes away, or cannot be read, while it is measured counts as nothing.
	_ = filepath.WalkDir(s.Path(name), func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return nil //nolint:nilerr // see above
		}
		fi, err := e.Info()
		if err != nil {
			return nil //nolint:nilerr // see above
		}
		if st, ok := fi.Sys().(*syscall.Stat_t); ok && st.Nlink > 1 {
			key := inode{st.Dev, st.Ino}
			if seen[key] {
				return nil
			}
			seen[key] = true
		}
		total += fi.Size()
		return nil
	})
	return total
}

// sizeBound is a value of the filter size: a comparison and a number of bytes.
type sizeBound struct {
	op    string
	bytes int64
}

func parseSizeBound(text string) (sizeBound, error) {
	b := sizeBound{op: "="}
	rest := text
	for _, op := range []string{"<=", ">=", "<", ">", "="} {
		if after, ok := strings.CutPrefix(text, op); ok {
			b.op, rest = op, after
			break
		}
	}
	var err error
	if b.bytes, err = strconv.ParseInt(rest, 10, 64); err != nil {
		if b.bytes, err = units.RAMInBytes(rest); err != nil {
			return b, errorf(errdefs.ErrInvalidArgument, "invalid filter 'size=%s': a number of bytes is expected, after <, <=, = or >", text)
		}
	}
	return b, nil
}

func (f *filter) needsSize() bool { return len(f.sizes) > 0 }

func (f *filter) sizeMatches(size int64) bool {
	for _, b := range f.sizes {
		ok := map[string]bool{"<": size < b.bytes, "<=": size <= b.bytes, "=": size == b.bytes, ">=": size >= b.bytes, ">": size > b.bytes}[b.op]
		if !ok {
			return false
		}
	}
	return true
}
