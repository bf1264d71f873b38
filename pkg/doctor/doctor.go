// Package doctor looks at a machine for what keeps containers from working, and
// says the cause and the command that mends it. It changes nothing.
package doctor

import (
	"fmt"
	"strings"
)

// Level says how much a finding matters.
type Level string

const (
	// OK is what is as it should be.
	OK Level = "ok"
	// Warning does not keep containers from running, but something will be missed.
	Warning Level = "warning"
	// Problem keeps containers, or a part of what they need, from working.
	Problem Level = "problem"
)

// Finding is the outcome of one check.
type Finding struct {
	Check string `json:"check"` // what was looked at: one word
	Level Level  `json:"level"`
	Text  string `json:"text"`          // what was found and, if it is not OK, what follows from it
	Fix   string `json:"fix,omitempty"` // the command, or the step, that mends it
}

// Worst is the gravest level among findings.
func Worst(list []Finding) Level {
	worst := OK
	for _, f := range list {
		if f.Level == Problem || f.Level == Warning && worst == OK {
			worst = f.Level
		}
	}
	return worst
}

func ok(check, format string, args ...any) Finding {
	return Finding{Check: check, Level: OK, Text: fmt.Sprintf(format, args...)}
}

func warning(check, fix, format string, args ...any) Finding {
	return Finding{Check: check, Level: Warning, Text: fmt.Sprintf(format, args...), Fix: fix}
}

func problem(check, fix, format string, args ...any) Finding {
	return Finding{Check: check, Level: Problem, Text: fmt.Sprintf(format, args...), Fix: fix}
}

// FromError makes a finding of an error whose message ends with its way out.
func FromError(check string, level Level, err error, fix string) Finding {
	return Finding{Check: check, Level: level, Text: strings.TrimSpace(err.Error()), Fix: fix}
}
