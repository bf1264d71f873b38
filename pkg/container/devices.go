package container

import (
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/nerd-cli/nerd/pkg/cdi"
	"github.com/nerd-cli/nerd/pkg/errs"
)

// Drivers of device requests, and the kind of device that --gpus asks for.
const (
	driverCDI = "cdi"
	gpuKind   = "nvidia.com/gpu"
)

// injectDevices writes what requested devices need into the specification. They
// are described by CDI; without a request nothing is read.
func (s *Service) injectDevices(requests []container.DeviceRequest, oci *specs.Spec) error {
	if len(requests) == 0 {
		return nil
	}
	dirs := s.cfg.CDIDirs
	if len(dirs) == 0 {
		dirs = cdi.DefaultDirs()
	}
	devices := cdi.Load(dirs)
	var names []string
	for _, r := range requests {
		list, err := requested(r, devices, dirs)
		if err != nil {
			return err
		}
		names = append(names, list...)
	}
	return devices.Inject(names, oci)
}

// requested are the names of the devices that one request stands for. --gpus is
// NVIDIA's, as in Docker: all, a number of them, or by index or UUID.
func requested(r container.DeviceRequest, devices *cdi.Registry, dirs []string) ([]string, error) {
	if r.Driver == driverCDI {
		return r.DeviceIDs, nil
	}
	gpu := slices.ContainsFunc(r.Capabilities, func(all []string) bool { return slices.Contains(all, "gpu") })
	if !gpu || r.Driver != "" && r.Driver != "nvidia" || !devices.Has(gpuKind) {
		err := errorf(errdefs.ErrInvalidArgument, "could not select device driver %q with capabilities: %v", r.Driver, r.Capabilities)
		if gpu {
			err = errs.WithHint(err, "no CDI description of %s in %s; `nvidia-ctk cdi generate` makes one", gpuKind, strings.Join(dirs, " or "))
		}
		return nil, err
	}
	var ids []string
	switch {
	case len(r.DeviceIDs) > 0:
		ids = r.DeviceIDs
	case r.Count < 0:
		ids = []string{"all"}
	default:
		for n := range r.Count {
			ids = append(ids, strconv.Itoa(n))
		}
	}
	names := make([]string, 0, len(ids))
	for _, id := range ids {
		names = append(names, gpuKind+"="+id)
	}
	return names, nil
}
