package compat

// making are the commands that take a container's whole description.
var making = []string{"run", "create"}

// containerEntries are about the flags of run and create.
func containerEntries() []Entry {
	return []Entry{
		{
			Commands: making, Flag: "gpus", Kind: Differs,
			Why:     "The GPU is found by its CDI description, in `/etc/cdi` or `/var/run/cdi`, where Docker runs NVIDIA's hook.",
			Instead: "make a description with `nvidia-ctk cdi generate`",
		},
		{
			Commands: []string{"update"}, Flag: "memory", Kind: Differs,
			Why: "Below the reservation it is refused, as for a new container. Docker takes it, and the container cannot be started any more. " +
				"A container whose swap is unlimited can get more memory, which Docker refuses.",
		},
		{
			Commands: []string{"update"}, Flag: "blkio-weight", Kind: Differs,
			Why: "It has an effect with the scheduler BFQ on cgroup version 1, too, as it has for a new container. Docker warns and discards it.",
		},
		{Commands: making, Flag: "storage-opt", Kind: Refused, Why: "Not there yet.", Instead: "limit the file system that holds the data root"},
		{
			Commands: making, Flag: "use-api-socket", Kind: Refused,
			Why: "It gives the container Docker's API socket. nerd has no daemon and so no such socket.", Instead: "nerd has no API socket",
		},
		{Commands: making, Flag: "cpu-count", Kind: Refused, Why: windows, Instead: "it is for Windows, use --cpus"},
		{Commands: making, Flag: "cpu-percent", Kind: Refused, Why: windows, Instead: "it is for Windows, use --cpus"},
		{Commands: making, Flag: "io-maxbandwidth", Kind: Refused, Why: windows, Instead: "it is for Windows, use --device-read-bps"},
		{Commands: making, Flag: "io-maxiops", Kind: Refused, Why: windows, Instead: "it is for Windows, use --device-read-iops"},
		{
			Commands: making, Flag: "isolation", Value: "other than `default`", Kind: Refused,
			Why: "Docker on Linux refuses it as well.", Instead: "leave it out",
		},
		{
			Commands: making, Flag: "kernel-memory", Kind: Warned,
			Why: "The kernel no longer has this limit. Docker accepts the flag and ignores it.", Instead: "use --memory",
		},
		{
			Commands: making, Flag: "security-opt", Value: "`label=...`", Kind: Differs,
			Why: "nerd sets no SELinux labels. Docker on a machine without SELinux accepts the option and ignores it; nerd accepts `label=disable`, " +
				"which is what happens, and refuses the others.",
			Instead: "use label=disable",
		},
	}
}

const windows = "It is for Windows; Docker on Linux refuses it as well."
