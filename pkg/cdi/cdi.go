// Package cdi finds devices described by the Container Device Interface
// (https://github.com/cncf-tags/container-device-interface) and writes what they
// need into an OCI specification: device nodes, mounts, variables, hooks.
package cdi

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"go.yaml.in/yaml/v3"

	"github.com/nerd-cli/nerd/pkg/errs"
)

// DefaultDirs are where descriptions are looked for. One in a later folder takes
// precedence over one in an earlier folder: what a driver writes at run time over
// what an administrator has put down.
func DefaultDirs() []string { return []string{"/etc/cdi", "/var/run/cdi"} }

// maxSize bounds a description, in bytes; the largest known ones have some 100 kB.
const maxSize = 8 << 20

// description is a file, in the names of the specification.
type description struct {
	Version string   `json:"cdiVersion"`
	Kind    string   `json:"kind"`
	Devices []device `json:"devices"`
	Edits   edits    `json:"containerEdits"`

	path string
	dir  int // number of its folder
}

type device struct {
	Name  string `json:"name"`
	Edits edits  `json:"containerEdits"`
}

// Registry is the devices that the folders describe.
type Registry struct {
	devices map[string]found // by qualified name
	broken  []error
}

type found struct {
	in        *description
	device    *device
	ambiguous bool
}

// IsName tells whether text is the qualified name of a device: VENDOR/CLASS=NAME.
func IsName(text string) bool {
	kind, name, ok := strings.Cut(text, "=")
	return ok && isKind(kind) && name != "" && !strings.ContainsAny(name, "/= \t\n,")
}

// isKind: a vendor that looks like a domain, and a class.
func isKind(kind string) bool {
	vendor, class, ok := strings.Cut(kind, "/")
	return ok && isWord(vendor, "-_.") && isWord(class, "-_.")
}

// isWord: letters, digits and some signs, with a letter first and no sign last.
func isWord(s, signs string) bool {
	for i, r := range s {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		digit := r >= '0' && r <= '9'
		if !letter && (i == 0 || !digit && (i == len(s)-1 || !strings.ContainsRune(signs, r))) {
			return false
		}
	}
	return s != ""
}

// Load reads the descriptions of the folders. Those that cannot be read are not
// an error until a device is missing.
func Load(dirs []string) *Registry {
	r := &Registry{devices: map[string]found{}}
	for i, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				r.broken = append(r.broken, err)
			}
			continue
		}
		for _, e := range entries {
			switch filepath.Ext(e.Name()) {
			case ".json", ".yaml", ".yml":
			default:
				continue
			}
			d, err := read(filepath.Join(dir, e.Name()))
			if err != nil {
				r.broken = append(r.broken, err)
				continue
			}
			d.dir = i
			r.add(d)
		}
	}
	return r
}

func (r *Registry) add(d *description) {
	for i := range d.Devices {
		name := d.Kind + "=" + d.Devices[i].Name
		old, taken := r.devices[name]
		r.devices[name] = found{in: d, device: &d.Devices[i], ambiguous: taken && old.in.dir == d.dir}
	}
}

// read reads one description. YAML is turned into JSON, so that both have the same
// names of fields.
func read(path string) (*description, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxSize {
		return nil, fmt.Errorf("%s: it is no file, or larger than %d MB", path, maxSize>>20)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	d, err := parse(data, filepath.Ext(path) != ".json")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	d.path = path
	return d, nil
}

func parse(data []byte, isYAML bool) (*description, error) {
	if isYAML {
		var value any
		if err := yaml.Unmarshal(data, &value); err != nil {
			return nil, err
		}
		var err error
		if data, err = json.Marshal(value); err != nil {
			return nil, err
		}
	}
	d := &description{}
	if err := json.Unmarshal(data, d); err != nil {
		return nil, err
	}
	if !isKind(d.Kind) {
		return nil, fmt.Errorf("invalid kind %q", d.Kind)
	}
	for _, dev := range d.Devices {
		if !IsName(d.Kind + "=" + dev.Name) {
			return nil, fmt.Errorf("invalid name of a device: %q", dev.Name)
		}
	}
	return d, nil
}

// Has tells whether there is a device of a kind, such as nvidia.com/gpu.
func (r *Registry) Has(kind string) bool {
	for name := range r.devices {
		if strings.HasPrefix(name, kind+"=") {
			return true
		}
	}
	return false
}

// collect gathers the edits of devices: those of a description once, before those of
// its devices. The error names the devices that are missing.
func (r *Registry) collect(names []string) ([]edits, error) {
	var out []edits
	var seen []*description
	var missing []string
	for _, name := range names {
		f, ok := r.devices[name]
		if !ok || f.ambiguous {
			missing = append(missing, name)
			continue
		}
		if !slices.Contains(seen, f.in) {
			seen = append(seen, f.in)
			out = append(out, f.in.Edits)
		}
		out = append(out, f.device.Edits)
	}
	if len(missing) > 0 {
		return nil, r.unresolvable(missing)
	}
	return out, nil
}

// failure is an error in Docker's words; its kind does not show.
type failure string

func (f failure) Error() string { return string(f) }
func (failure) Unwrap() error   { return errdefs.ErrInvalidArgument }

func (r *Registry) unresolvable(names []string) error {
	slices.SortFunc(names, cmp.Compare)
	err := error(failure("CDI device injection failed: unresolvable CDI devices " + strings.Join(names, ", ")))
	if f := r.devices[names[0]]; f.ambiguous {
		return errs.WithHint(err, "more than one file in %s describes it", filepath.Dir(f.in.path))
	}
	if len(r.broken) > 0 {
		return errs.WithHint(err, "a description cannot be read: %v", r.broken[0])
	}
	return errs.WithHint(err, "describe it in a file of %s", strings.Join(DefaultDirs(), " or "))
}
