package container

import (
	"fmt"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/blkiodev"
	"github.com/moby/moby/api/types/container"
	"golang.org/x/sys/unix"
)

// numberedDevices replaces the paths of block devices in limits by the numbers
// that the kernel knows them by.
func numberedDevices(r container.Resources) (container.Resources, error) {
	var failed error
	number := func(path string) string {
		var st unix.Stat_t
		if err := unix.Stat(path, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFBLK {
			failed = errorf(errdefs.ErrInvalidArgument, "%s is not a block device", path)
			return path
		}
		return fmt.Sprintf("%d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev))
	}
	weights := make([]*blkiodev.WeightDevice, 0, len(r.BlkioWeightDevice))
	for _, d := range r.BlkioWeightDevice {
		weights = append(weights, &blkiodev.WeightDevice{Path: number(d.Path), Weight: d.Weight})
	}
	r.BlkioWeightDevice = weights
	for _, list := range []*[]*blkiodev.ThrottleDevice{
		&r.BlkioDeviceReadBps, &r.BlkioDeviceWriteBps, &r.BlkioDeviceReadIOps, &r.BlkioDeviceWriteIOps,
	} {
		numbered := make([]*blkiodev.ThrottleDevice, 0, len(*list))
		for _, d := range *list {
			numbered = append(numbered, &blkiodev.ThrottleDevice{Path: number(d.Path), Rate: d.Rate})
		}
		*list = numbered
	}
	return r, failed
}
