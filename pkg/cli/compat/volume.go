package compat

// volumeEntries are about volumes and mounts.
func volumeEntries() []Entry {
	var out []Entry
	for _, flag := range []string{
		"availability", "group", "limit-bytes", "required-bytes", "scope", "secret", "sharing", "topology-preferred", "topology-required", "type",
	} {
		out = append(out, Entry{Commands: []string{"volume create"}, Flag: flag, Kind: Refused, Why: swarm, Instead: "it is for cluster volumes, leave it out"})
	}
	return append(out,
		Entry{Commands: []string{"volume ls"}, Flag: "cluster", Kind: Refused, Why: swarm, Instead: "it is for cluster volumes, leave it out"},
		Entry{Commands: []string{"volume update"}, Kind: Refused, Why: swarm, Instead: "make a new volume"},
		Entry{
			Commands: []string{"volume create"}, Flag: "driver", Value: "other than `local`", Kind: Refused,
			Why: "nerd runs no volume plugins.", Instead: "mount it with --opt type=,device=,o=",
		},
		Entry{
			Commands: making, Flag: "tmpfs", Value: "an option that there is none of", Kind: Differs,
			Why: "Refused when the container is created; Docker refuses to start it.",
		},
		Entry{
			Commands: making, Flag: "mount", Value: "`volume-subpath` that does not exist", Kind: Differs,
			Why: "The exit code is 125. Docker's is 127, which is that of a command that cannot be found.",
		},
		Entry{
			Commands: making, Flag: "volumes-from", Value: "a container with a `--mount type=tmpfs`", Kind: Differs,
			Why: "The container gets a tmpfs of its own. Docker fails.",
		},
		Entry{
			Commands: making, Flag: "volume", Value: "options `rbind` and `bind-nonrecursive`", Kind: Extra,
			Why: "As in nerdctl: with or without what is mounted below a folder of the host.",
		},
		Entry{
			Commands: making, Flag: "volume", Value: "options `z` and `Z`", Kind: Differs,
			Why: "nerd sets no SELinux labels. A Docker without SELinux ignores them silently; on a machine with SELinux nerd warns.",
		},
		Entry{Commands: []string{"volume ls", "volume inspect"}, Flag: "size", Kind: Extra, Why: "As in nerdctl: what each volume takes on disk."},
	)
}

const swarm = "It is for the cluster volumes of a swarm."
