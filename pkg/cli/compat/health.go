package compat

// healthEntries are about health checks, waiting, restarts and --init.
func healthEntries() []Entry {
	return []Entry{
		{
			Commands: making, Flag: "health-cmd", Kind: Differs,
			Why: "A command for the shell is run by the shell that the image names with `SHELL`. Docker takes `/bin/sh` whatever the image says.",
		},
		{
			Commands: making, Flag: "restart", Value: "`on-failure`", Kind: Differs,
			Why: "After a boot, or a start of the engine, a container that was stopped by hand stays stopped. Docker starts it if it ended with another " +
				"exit code than 0, as one that was stopped mostly has.",
		},
		{Commands: []string{"run"}, Flag: "wait", Kind: Extra, Why: "Docker returns before the container is ready."},
		{Commands: []string{"run"}, Flag: "wait-timeout", Kind: Extra, Why: "It belongs to `--wait`."},
		{Commands: []string{"wait"}, Flag: "condition", Kind: Extra, Why: "Docker has it in its API alone, and without `running` and `healthy`."},
		{Commands: []string{"container healthcheck"}, Kind: Extra, Why: "Checks a container's health now."},
	}
}
