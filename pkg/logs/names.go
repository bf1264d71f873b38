package logs

import (
	"cmp"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// logName is a name of a log's file.
type logName struct {
	name   string
	number int    // path.N: 0 is the log itself
	stamp  string // path.20060102-150405: when a kubelet has renamed it
	packed bool
}

// stampFormat is how a kubelet names the files that it has rotated.
const stampFormat = "20060102-150405"

// list is the log at path and its rotated files, youngest first, as far as they
// exist. There may be a gap: in the midst of a rotation there is one.
func list(path string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	var found []logName
	for _, e := range entries {
		if r, ok := parseName(e.Name(), filepath.Base(path)); ok {
			found = append(found, r)
		}
	}
	if len(found) == 0 {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	slices.SortFunc(found, func(a, b logName) int {
		return cmp.Or(cmp.Compare(a.number, b.number), cmp.Compare(b.stamp, a.stamp), compareBool(a.packed, b.packed))
	})
	// A file that has just been compressed is there twice for a moment.
	found = slices.CompactFunc(found, func(a, b logName) bool { return a.number == b.number && a.stamp == b.stamp })
	names := make([]string, len(found))
	for i, r := range found {
		names[i] = filepath.Join(filepath.Dir(path), r.name)
	}
	return names, nil
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// parseName reads a name of a file of the log base.
func parseName(name, base string) (logName, bool) {
	r := logName{name: name}
	if name == base {
		return r, true
	}
	suffix, ok := strings.CutPrefix(name, base+".")
	if !ok {
		return r, false
	}
	suffix, r.packed = strings.CutSuffix(suffix, packedSuffix)
	if n, err := strconv.Atoi(suffix); err == nil && n > 0 && strconv.Itoa(n) == suffix {
		r.number = n
		return r, true
	}
	if _, err := time.Parse(stampFormat, suffix); err == nil {
		r.number, r.stamp = 1, suffix
		return r, true
	}
	return r, false
}

func openListed(names []string, stop fs.FileInfo) ([]*file, error) {
	var files []*file
	for _, name := range names {
		f, err := openFile(name)
		if err != nil {
			return files, err
		}
		if stop != nil && f.is(stop) {
			return files, f.close()
		}
		files = append(files, f)
	}
	return files, nil
}
