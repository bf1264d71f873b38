package compat

// commandEntries are about whole commands.
func commandEntries() []Entry {
	return []Entry{
		{
			Commands: []string{"internal"}, Kind: Extra,
			Why: "Hidden: how the monitor of a container calls back.",
		},
	}
}
