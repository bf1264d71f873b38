package mountpoint

import (
	"path"
	"strings"

	"github.com/moby/moby/api/types/mount"

	"github.com/nerd-cli/nerd/pkg/volume"
)

// words are what the third field of -v may contain, by what they set; of each
// kind one may be given.
var words = map[string]string{
	"ro": "access", "rw": "access", "z": "label", "Z": "label", "nocopy": "copy",
	"cached": "consistency", "delegated": "consistency", "consistent": "consistency",
	"private": "propagation", "rprivate": "propagation", "shared": "propagation", "rshared": "propagation", "slave": "propagation", "rslave": "propagation",
	"rbind": "recursion", "bind-nonrecursive": "recursion", // nerdctl's
}

// parseBind reads an entry of HostConfig.Binds: SOURCE:TARGET[:OPTIONS], the
// source being a path or a volume's name.
func parseBind(text, driver string) (Mount, error) {
	parts := strings.Split(text, ":")
	if len(parts) < 2 || len(parts) > 3 || parts[0] == "" || parts[1] == "" {
		return Mount{}, errorf("invalid volume specification: '%s'", text)
	}
	mode := ""
	if len(parts) == 3 {
		mode = parts[2]
	}
	set, err := parseMode(mode)
	if err != nil {
		return Mount{}, err
	}
	m := Mount{Type: mount.TypeBind, Source: parts[0], Mode: mode, ReadOnly: set["access"] == "ro"}
	if path.IsAbs(parts[0]) {
		err = m.bind(set)
	} else {
		m.Type = mount.TypeVolume
		err = m.named(set, driver)
	}
	if err == nil {
		m.Target, err = cleanTarget(parts[1])
	}
	if err != nil {
		return Mount{}, errorf("invalid volume specification: '%s': invalid mount config for type %q: %v", text, m.Type, err)
	}
	if m.Type == mount.TypeVolume {
		return m, volume.CheckName(m.Source)
	}
	return m, nil
}

// parseMode splits the third field into what was chosen of each kind.
func parseMode(mode string) (map[string]string, error) {
	set := map[string]string{}
	if mode == "" {
		return set, nil
	}
	for _, word := range strings.Split(mode, ",") {
		kind, known := words[word]
		if _, twice := set[kind]; !known || twice {
			return nil, errorf("invalid mode: %s", mode)
		}
		set[kind] = word
	}
	return set, nil
}

func (m *Mount) bind(set map[string]string) error {
	if set["copy"] != "" {
		return errorf("field VolumeOptions must not be specified")
	}
	m.Source, m.MakeSource, m.Propagation = path.Clean(m.Source), true, mount.PropagationRPrivate
	if p := set["propagation"]; p != "" {
		m.Propagation = mount.Propagation(p)
	}
	m.NonRecursive = set["recursion"] == "bind-nonrecursive"
	return nil
}

func (m *Mount) named(set map[string]string, driver string) error {
	if set["propagation"] != "" || set["recursion"] != "" {
		return errorf("field BindOptions must not be specified")
	}
	m.NoCopy, m.Driver = set["copy"] != "", driver
	if m.Mode == "" {
		m.Mode = "z" // what dockerd shows
	}
	return nil
}
