package ctrd

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	runcoptions "github.com/containerd/containerd/api/types/runc/options"
	runtimeoptions "github.com/containerd/containerd/api/types/runtimeoptions/v1"
	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/typeurl/v2"
)

// RuntimeSpec is the OCI runtime of a container: a shim of containerd and what it
// is told.
type RuntimeSpec struct {
	Shim   string // io.containerd.NAME.vN, or the path of a shim; empty: runc's
	Binary string // for runc's shim: the runtime itself, a path or a name; empty: runc
	// SystemdCgroup has runc's shim make control groups by systemd.
	SystemdCgroup bool
	// Options are the shim's further ones, by the names that containerd's
	// configuration has for them.
	Options map[string]any
}

// Info is the form in which containerd stores the runtime.
func (r RuntimeSpec) Info() (containers.RuntimeInfo, error) {
	info := containers.RuntimeInfo{Name: cmp.Or(r.Shim, RuntimeRunc)}
	var message any
	var err error
	if info.Name == RuntimeRunc {
		if r.Binary == "" && !r.SystemdCgroup && len(r.Options) == 0 {
			return info, nil
		}
		message, err = r.runc()
	} else {
		if len(r.Options) == 0 {
			return info, nil
		}
		message, err = r.other()
	}
	if err != nil {
		return info, err
	}
	info.Options, err = typeurl.MarshalAny(message)
	return info, err
}

func (r RuntimeSpec) runc() (*runcoptions.Options, error) {
	out := &runcoptions.Options{BinaryName: r.Binary, SystemdCgroup: r.SystemdCgroup}
	return out, fill(r.Options, map[string]any{
		"binaryname": &out.BinaryName, "systemdcgroup": &out.SystemdCgroup, "root": &out.Root, "nopivotroot": &out.NoPivotRoot,
		"nonewkeyring": &out.NoNewKeyring, "shimcgroup": &out.ShimCgroup, "iouid": &out.IoUid, "iogid": &out.IoGid,
		"criuimagepath": &out.CriuImagePath, "criuworkpath": &out.CriuWorkPath,
	})
}

// other are the options that every other shim takes: a file or a text of its own.
func (r RuntimeSpec) other() (*runtimeoptions.Options, error) {
	out := &runtimeoptions.Options{}
	var body string
	err := fill(r.Options, map[string]any{"typeurl": &out.TypeUrl, "configpath": &out.ConfigPath, "configbody": &body})
	out.ConfigBody = []byte(body)
	return out, err
}

// fill puts values into the fields of their names, whose case does not count.
func fill(values map[string]any, fields map[string]any) error {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		ok := true
		switch field := fields[strings.ToLower(name)].(type) {
		case *string:
			*field, ok = values[name].(string)
		case *bool:
			*field, ok = values[name].(bool)
		case *uint32:
			var n int64
			n, ok = values[name].(int64)
			ok = ok && n >= 0 && n <= 1<<32-1
			*field = uint32(n)
		default:
			return fmt.Errorf("the runtime has no option %q", name)
		}
		if !ok {
			return fmt.Errorf("option %s of the runtime: %v is not a value of its type", name, values[name])
		}
	}
	return nil
}
