package limits

func (c *checker) blkioWeight() error {
	r := c.r
	c.unless(c.m.BlkioWeight, r.BlkioWeight > 0, func() { r.BlkioWeight = 0 },
		"Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.")
	if r.BlkioWeight > 0 && (r.BlkioWeight < 10 || r.BlkioWeight > 1000) {
		return refuse("Range of blkio weight is from 10 to 1000")
	}
	c.unless(c.m.BlkioWeightDevice, len(r.BlkioWeightDevice) > 0, func() { r.BlkioWeightDevice = nil },
		"Your kernel does not support Block I/O weight_device or the cgroup is not mounted. Weight-device discarded.")
	return nil
}

func (c *checker) throttles() error {
	r := c.r
	if r.IOMaximumBandwidth != 0 || r.IOMaximumIOps != 0 {
		return refuse("Invalid QoS settings: linux does not support Maximum IO Bandwidth or Maximum IO IOps")
	}
	c.unless(c.m.ReadBps, len(r.BlkioDeviceReadBps) > 0, func() { r.BlkioDeviceReadBps = nil },
		"Your kernel does not support BPS Block I/O read limit or the cgroup is not mounted. Block I/O BPS read limit discarded.")
	c.unless(c.m.WriteBps, len(r.BlkioDeviceWriteBps) > 0, func() { r.BlkioDeviceWriteBps = nil },
		"Your kernel does not support BPS Block I/O write limit or the cgroup is not mounted. Block I/O BPS write limit discarded.")
	c.unless(c.m.ReadIOps, len(r.BlkioDeviceReadIOps) > 0, func() { r.BlkioDeviceReadIOps = nil },
		"Your kernel does not support IOPS Block read limit or the cgroup is not mounted. Block I/O IOPS read limit discarded.")
	c.unless(c.m.WriteIOps, len(r.BlkioDeviceWriteIOps) > 0, func() { r.BlkioDeviceWriteIOps = nil },
		"Your kernel does not support IOPS Block write limit or the cgroup is not mounted. Block I/O IOPS write limit discarded.")
	return nil
}
