// Package mountpoint turns what a user asks for with -v, --mount, --tmpfs and
// --volumes-from, and what an image declares, into the mounts of a container. It
// is pure: whether anything exists is for others to find out.
package mountpoint

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"

	"github.com/nerd-cli/nerd/pkg/volume"
)

// Mount is one mount of a container. It is kept in the container's record.
type Mount struct {
	Type   mount.Type // bind, volume, tmpfs or image
	Target string     // clean and absolute
	// Source is the host's path of a bind, the volume's name, or the image as
	// the user named it. An anonymous volume has none until it gets one.
	Source      string            `json:",omitempty"`
	Anonymous   bool              `json:",omitempty"` // a volume that nobody named
	Mode        string            `json:",omitempty"` // as inspect shows it
	ReadOnly    bool              `json:",omitempty"`
	Propagation mount.Propagation `json:",omitempty"`
	// NonRecursive leaves out what is mounted below the source, ShallowReadOnly
	// leaves that writable, DeepReadOnly fails if it cannot be made read-only.
	NonRecursive, ShallowReadOnly, DeepReadOnly bool              `json:",omitempty"`
	MakeSource                                  bool              `json:",omitempty"` // a missing source of a bind becomes a folder
	NoCopy                                      bool              `json:",omitempty"`
	Subpath                                     string            `json:",omitempty"` // of a volume or an image
	Tmpfs                                       []string          `json:",omitempty"` // options
	Driver                                      string            `json:",omitempty"`
	Options, Labels                             map[string]string `json:",omitempty"` // of a volume that has to be made
	// Stage numbers a source that is laid out anew for each start, from 1.
	Stage    int    `json:",omitempty"`
	Image    string `json:",omitempty"` // id of a mounted image
	Snapshot string `json:",omitempty"` // of an image
}

// Volume tells whether a mount is a volume.
func (m *Mount) Volume() bool { return m.Type == mount.TypeVolume }

// Error is an error whose text is Docker's own and whose kind does not show.
type Error struct{ text string }

func (e *Error) Error() string { return e.text }
func (e *Error) Unwrap() error { return errdefs.ErrInvalidArgument }

func errorf(format string, args ...any) error { return &Error{fmt.Sprintf(format, args...)} }

// Parse reads HostConfig.Binds and Mounts, in that order, and checks Tmpfs.
func Parse(hc *container.HostConfig) ([]Mount, error) {
	var out []Mount
	for _, text := range hc.Binds {
		m, err := parseBind(text, hc.VolumeDriver)
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	for i := range hc.Mounts {
		m, err := parseMount(&hc.Mounts[i])
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, checkTmpfs(hc.Tmpfs, out)
}

// checkTmpfs checks --tmpfs, and that no two mounts take the same place.
func checkTmpfs(tmpfs map[string]string, mounts []Mount) error {
	var targets []string
	for target, options := range tmpfs {
		clean, err := cleanTarget(target)
		if err != nil {
			return err
		}
		if err := CheckTmpfsOptions(options); err != nil {
			return err
		}
		targets = append(targets, clean)
	}
	for _, m := range mounts {
		targets = append(targets, m.Target)
	}
	slices.Sort(targets)
	for i := 1; i < len(targets); i++ {
		if targets[i] == targets[i-1] {
			return errorf("Duplicate mount point: %s", targets[i])
		}
	}
	return nil
}

// cleanTarget checks and cleans the place of a mount in the container.
func cleanTarget(target string) (string, error) {
	clean := path.Clean(target)
	switch {
	case !path.IsAbs(target):
		return "", errorf("invalid mount path: '%s' mount path must be absolute", target)
	case clean == "/":
		return "", errorf("invalid specification: destination can't be '/'")
	case strings.ContainsRune(clean, 0):
		return "", errorf("invalid mount path: %q", target)
	}
	return clean, nil
}

// Anonymous are the volumes that an image and a user want at places where
// nothing else is mounted, in a fixed order.
func Anonymous(targets map[string]struct{}, tmpfs map[string]string, taken []Mount, driver string) ([]Mount, error) {
	used := map[string]bool{}
	for _, m := range taken {
		used[m.Target] = true
	}
	for target := range tmpfs {
		used[path.Clean(target)] = true
	}
	var out []Mount
	for target := range targets {
		clean, err := cleanTarget(target)
		if err != nil {
			return nil, err
		}
		if !used[clean] {
			used[clean] = true
			out = append(out, Mount{Type: mount.TypeVolume, Target: clean, Source: volume.RandomName(), Anonymous: true, Driver: driver})
		}
	}
	slices.SortFunc(out, func(a, b Mount) int { return strings.Compare(a.Target, b.Target) })
	return out, nil
}

// Merge puts own mounts, and tmpfs, in the place of those taken over from other
// containers.
func Merge(from, own []Mount, tmpfs map[string]string) []Mount {
	taken := map[string]bool{}
	for target := range tmpfs {
		taken[path.Clean(target)] = true
	}
	for _, m := range own {
		taken[m.Target] = true
	}
	return append(slices.DeleteFunc(slices.Clone(from), func(m Mount) bool { return taken[m.Target] }), own...)
}

// From reads an entry of --volumes-from, CONTAINER[:ro|rw].
func From(text string) (name string, readOnly bool, err error) {
	name, mode, _ := strings.Cut(text, ":")
	if name == "" {
		return "", false, errorf("malformed volumes-from specification: %s", text)
	}
	seen := map[string]bool{}
	for _, word := range strings.Split(mode, ",") {
		kind := map[string]string{"ro": "access", "rw": "access", "z": "label", "Z": "label"}[word]
		if mode != "" && (kind == "" || seen[kind]) {
			return "", false, errorf("invalid mode: %s", mode)
		}
		seen[kind] = true
		readOnly = readOnly || word == "ro"
	}
	return name, readOnly, nil
}

// TakeOver is a mount of another container as one's own: a volume is not filled
// from the image again, and the other's read-only stays.
func TakeOver(m Mount, readOnly bool) Mount {
	m.ReadOnly = m.ReadOnly || readOnly
	m.NoCopy, m.Mode, m.Stage, m.Snapshot = true, "", 0, ""
	return m
}
