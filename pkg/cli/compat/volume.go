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
		Entry{Commands: []string{"volume ls", "volume inspect"}, Flag: "size", Kind: Extra, Why: "As in nerdctl: what each volume takes on disk."},
	)
}

const swarm = "It is for the cluster volumes of a swarm."
