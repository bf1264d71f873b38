package compat

// building are the paths of the build command.
var building = []string{"build", "builder build", "buildx build", "image build"}

// buildEntries are about building images.
func buildEntries() []Entry {
	out := []Entry{
		{
			Commands: building, Flag: "network", Value: "`default`", Kind: Differs,
			Why: "Steps use the host's network. Docker's are on its bridge.",
		},
		{
			Commands: building, Flag: "network", Value: "a network or a container", Kind: Refused,
			Why: "The builder has no part in nerd's networks.", Instead: "use default, host or none",
		},
		{
			Commands: building, Flag: "output", Value: "a file", Kind: Differs,
			Why: "The file takes its name once it is complete: a build that fails leaves what was there. Docker empties it first.",
		},
		{
			Commands: building, Flag: "output", Value: "`type=oci`, several outputs", Kind: Differs,
			Why: "Always there. Docker's own builder has them only with containerd's image store.",
		},
		{
			Commands: building, Flag: "push", Kind: Differs,
			Why: "The image is in the image store as well, and goes to the registry from there as with `push`, with the same mirrors and credentials.",
		},
		{
			Commands: building, Value: "a result in the image store", Kind: Differs,
			Why: "New layers are not compressed unless `--push` or `--output compression=` say so. `push` compresses them, so the manifest in the registry is not the local one.",
		},
		{Commands: []string{"builder stop", "builder rm"}, Kind: Extra, Why: "In Docker they are `buildx stop` and `buildx rm`, for builders that were made by hand."},
	}
	out = append(out,
		Entry{Commands: building, Flag: "policy", Kind: Refused, Why: "It is of buildx alone, an experiment.", Instead: "leave it out"},
		Entry{Commands: building, Flag: "resource", Kind: Refused, Why: "It is of buildx alone, an experiment.", Instead: "leave it out"},
		Entry{Commands: building, Flag: "builder", Value: "other than `default`", Kind: Refused, Why: "Each namespace has one builder.", Instead: "choose the namespace"},
	)
	for _, flag := range []string{"rm", "force-rm"} {
		out = append(out, Entry{Commands: building, Flag: flag, Kind: Differs, Why: "BuildKit leaves no containers behind, so there is nothing to remove or to keep."})
	}
	for _, commands := range [][]string{building, {"run", "create"}, {"pull", "image pull"}, {"push", "image push"}} {
		out = append(out, Entry{Commands: commands, Flag: "disable-content-trust", Kind: Differs, Why: "Signatures of Docker's content trust are never verified or made, so there is nothing to switch off."})
	}
	for _, flag := range []string{
		"compress", "squash", "isolation", "memory", "memory-swap", "cpu-period", "cpu-quota", "cpu-shares", "cpuset-cpus", "cpuset-mems", "security-opt",
	} {
		out = append(out, Entry{Commands: building, Flag: flag, Kind: Warned, Why: "It is of Docker's older builder. BuildKit does not know it."})
	}
	return append(out, bakeEntries()...)
}
