package compat

// logEntries are about log drivers and logs.
func logEntries() []Entry {
	return []Entry{
		{
			Commands: making, Flag: "log-driver", Value: "`awslogs`, `gcplogs`, `splunk`", Kind: Refused,
			Why:     "Each is the client of one service.",
			Instead: "use fluentd, syslog or gelf and that service's own agent",
		},
		{
			Commands: making, Flag: "log-driver", Value: "`etwlogs`, `logentries`", Kind: Refused,
			Why: "The first is for Windows, the second is gone; Docker on Linux refuses them as well.", Instead: "use another driver",
		},
		{
			Commands: making, Flag: "log-driver", Value: "`local`", Kind: Differs,
			Why: "The file holds lines of text, not protocol buffers.",
		},
		{
			Commands: making, Flag: "log-opt", Value: "wrong values", Kind: Differs,
			Why: "They are refused when the container is made. Docker finds some only when it is started, and those of `cache-` never.",
		},
		{
			Commands: making, Flag: "log-opt", Value: "`mode=non-blocking`", Kind: Differs,
			Why: "When the buffer is full the oldest lines are lost, as Docker's documentation has it; Docker loses the newest. " +
				"`max-buffer-size` holds for each stream, and is 256 MB at most.",
		},
		{
			Commands: []string{"logs"}, Flag: "tail", Value: "what is no number", Kind: Refused,
			Why: "Docker takes it for `all`.", Instead: "give a number, or all",
		},
	}
}
