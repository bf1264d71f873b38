package compat

// making are the commands that take a container's whole description.
var making = []string{"run", "create"}

// containerEntries are about the flags of run and create.
func containerEntries() []Entry {
	return []Entry{
		{Commands: making, Flag: "gpus", Kind: Refused, Why: "Not there yet.", Instead: "give the device files with --device"},
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
