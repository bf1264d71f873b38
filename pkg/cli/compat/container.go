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
			Commands: making, Flag: "pids-limit", Value: "`-1`", Kind: Differs,
			Why: "It lifts the limit that systemd sets for its units as well, and `inspect` shows 0, as after an update. Docker leaves systemd's in force.",
		},
		{
			Commands: []string{"stats"}, Flag: "no-stream", Kind: Differs,
			Why: "The two readings that make a percentage are half a second apart, in Docker one to two seconds.",
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
			Commands: making, Flag: "security-opt", Value: "`label=...` other than `disable`", Kind: Differs,
			Why: "nerd sets no SELinux labels. Without SELinux Docker ignores the option silently; nerd warns. Where SELinux is there nerd refuses it, " +
				"because to leave it out would be less protection than was asked for.",
			Instead: "use label=disable",
		},
		{
			Commands: making, Flag: "security-opt", Value: "`apparmor=PROFILE` without AppArmor in the kernel", Kind: Warned,
			Why: "Docker ignores it silently.",
		},
		{
			Commands: making, Flag: "security-opt", Value: "`seccomp=FILE` with `--privileged`", Kind: Differs,
			Why: "The profile is in force. Docker 26 drops it.",
		},
		{
			Commands: making, Flag: "network", Value: "`container:NAME` with `--mac-address`, `--dns-search`, `--dns-option` or `--domainname`", Kind: Refused,
			Why:     "They belong to the other container. Docker accepts and ignores them.",
			Instead: "set them for the container that is joined",
		},
		{
			Commands: making, Flag: "uts", Value: "`host` with `--domainname`", Kind: Refused,
			Why: "The name is the host's. In Docker the start fails in the runtime.", Instead: "leave it out",
		},
		{
			Commands: making, Flag: "sysctl", Value: "of a namespace shared with the host", Kind: Differs,
			Why: "Refused before anything is made; in Docker the start fails in the runtime.",
		},
		{
			Commands: making, Flag: "user", Value: "with an `/etc/passwd` that is no regular file or larger than 4 MiB", Kind: Differs,
			Why: "nerd refuses such an image. Docker waits for good where it is a pipe.",
		},
	}
}

const windows = "It is for Windows; Docker on Linux refuses it as well."
