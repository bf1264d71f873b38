package compat

// groupEntries are the groups of commands that Docker has and nerd does not.
func groupEntries() []Entry {
	return []Entry{
		{
			Commands: []string{"system dial-stdio"}, Kind: Refused,
			Why:     "There is no daemon whose API it could connect to.",
			Instead: "run nerd itself on the other machine, by a context with an SSH address",
		},
		{
			Commands: []string{"swarm", "service", "stack", "node", "secret"}, Kind: Refused,
			Why:     "They are for the machines of a swarm, and nerd works on one.",
			Instead: "use compose on one machine, Kubernetes on several",
		},
		{
			Commands: []string{"plugin"}, Kind: Refused,
			Why:     "Docker's plugins talk to its daemon, which nerd has not.",
			Instead: "use CNI networks, OCI runtimes and containerd's snapshotters",
		},
		{
			Commands: []string{"trust"}, Kind: Refused,
			Why:     "Its signatures (Notary 1) are at their end, also in Docker.",
			Instead: "use push --sign and pull --verify",
		},
	}
}
