package flagx

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/mount"
)

// modes are the options that may stand after the second colon of --volume. Of
// each set only one can be chosen.
var modes = [][]string{
	{"rw", "ro"},
	{"z", "Z"},
	{"shared", "rshared", "slave", "rslave", "private", "rprivate"},
	{"consistent", "cached", "delegated"},
	{"bind-nonrecursive", "rbind"},
}

// ParseVolume checks a value of --volume, HOST:CONTAINER[:OPTIONS], and makes
// the form that HostConfig.Binds has: a HOST that starts with a dot is made
// absolute, as the caller's folder is not known further down.
func ParseVolume(text string) (string, error) {
	parts := strings.Split(text, ":")
	if text == "" || len(parts) > 3 || slices.Contains(parts[:min(len(parts), 2)], "") {
		return "", invalidVolume(text, "expected HOST:CONTAINER[:OPTIONS]")
	}
	if len(parts) == 1 {
		return "", Unsupported(fmt.Sprintf("anonymous volume %q: volumes are", text), "bind a folder of the host, HOST:CONTAINER")
	}
	if strings.HasPrefix(parts[0], ".") {
		abs, err := filepath.Abs(parts[0])
		if err != nil {
			return "", invalidVolume(text, err.Error())
		}
		parts[0] = abs
	}
	switch {
	case !strings.HasPrefix(parts[0], "/"):
		if strings.Contains(parts[0], "/") {
			return "", invalidVolume(text, fmt.Sprintf("%q is neither a path nor a name: begin a relative path with ./", parts[0]))
		}
		return "", Unsupported(fmt.Sprintf("volume %q: named volumes are", parts[0]), "give the absolute path of a folder")
	case !path.IsAbs(parts[1]):
		return "", invalidVolume(text, fmt.Sprintf("invalid mount path: '%s' mount path must be absolute", parts[1]))
	case path.Clean(parts[1]) == "/":
		return "", invalidVolume(text, "invalid specification: destination can't be '/'")
	}
	if len(parts) == 3 {
		if err := checkModes(parts[2]); err != nil {
			return "", invalidVolume(text, err.Error())
		}
	}
	return strings.Join(parts, ":"), nil
}

func invalidVolume(text, why string) error {
	return fmt.Errorf("invalid volume specification: '%s': %s", text, why)
}

func checkModes(text string) error {
	chosen := map[int]bool{}
	for _, mode := range strings.Split(text, ",") {
		set := slices.IndexFunc(modes, func(set []string) bool { return slices.Contains(set, mode) })
		if set < 0 || chosen[set] {
			return fmt.Errorf("invalid mode: %s", text)
		}
		chosen[set] = true
	}
	return nil
}

// checkMounts refuses what --mount accepts but nothing would act upon.
func checkMounts(mounts []mount.Mount) error {
	for _, m := range mounts {
		switch m.Type {
		case mount.TypeBind:
			if b := m.BindOptions; b != nil && b.Propagation != "" && !slices.Contains(modes[2], string(b.Propagation)) {
				return fmt.Errorf("invalid bind-propagation %q for --mount", b.Propagation)
			}
		case mount.TypeTmpfs:
		case mount.TypeVolume, mount.TypeImage, mount.TypeNamedPipe, mount.TypeCluster:
			return Unsupported(fmt.Sprintf("--mount type %q is", m.Type), "use type=bind or type=tmpfs")
		default:
			return fmt.Errorf("invalid mount config for type %q: mount type unknown", m.Type)
		}
		if m.Target == "" {
			return fmt.Errorf("invalid mount config for type %q: target is required", m.Type)
		}
		if !path.IsAbs(m.Target) {
			return fmt.Errorf("invalid mount config for type %q: invalid mount path: '%s' mount path must be absolute", m.Type, m.Target)
		}
		if path.Clean(m.Target) == "/" {
			return fmt.Errorf("invalid mount config for type %q: invalid specification: destination can't be '/'", m.Type)
		}
	}
	return nil
}
