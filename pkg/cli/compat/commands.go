package compat

// commandEntries are about whole commands.
func commandEntries() []Entry {
	return []Entry{
		{
			Commands: []string{"checkpoint create", "checkpoint ls", "checkpoint rm"}, Kind: Differs,
			Why: "Docker has them as an experiment that its daemon has to allow; nerd always has. CRIU has to be installed, see [checkpoints](checkpoint.md).",
		},
		{
			Commands: []string{"start"}, Flag: "checkpoint", Kind: Differs,
			Why: "A running container is refused; Docker says nothing.",
		},
		{
			Commands: []string{"exec"}, Value: "a command that is not there", Kind: Differs,
			Why: "The exit code is 127, as with `run`; Docker 26 has 126.",
		},
		{
			Commands: []string{"internal"}, Kind: Extra,
			Why: "Hidden: how the monitor of a container calls back.",
		},
	}
}
