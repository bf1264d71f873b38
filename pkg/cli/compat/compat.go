// Package compat is the one list of where nerd departs from Docker's command
// line: what it refuses, accepts with a warning or does in another way, and why.
// The commands take their refusals from it and docs/compatibility.md is printed
// from it, so neither says what the other does not.
package compat

import "slices"

// Kind is what nerd does with something that Docker has.
type Kind string

const (
	// Refused is an error, before anything is made. Nothing is ever ignored silently.
	Refused Kind = "refused"
	// Warned is accepted without effect, and said so on stderr.
	Warned Kind = "accepted with a warning"
	// Differs has an effect, in another way or with other words than Docker's.
	Differs Kind = "differs"
	// Extra is nerd's own, Docker does not have it.
	Extra Kind = "only in nerd"
)

// Entry is one departure.
type Entry struct {
	// Commands are the paths below nerd, such as "run" or "network create"; none
	// stands for all commands.
	Commands []string
	// Flag is the flag's name without dashes; empty when it concerns the command
	// as a whole.
	Flag string
	// Value limits the entry to some values of the flag or to a use of it.
	Value string
	Kind  Kind
	// Why is the reason, for the page.
	Why string
	// Instead is the way out. A refusal's error ends with it.
	Instead string
}

// Table lists all departures.
func Table() []Entry {
	return slices.Concat(containerEntries(), filesEntries(), namespaceEntries(), commandEntries(), volumeEntries(), networkEntries(), healthEntries(), logEntries(), imageEntries(), buildEntries(), composeEntries(), groupEntries())
}

// RefusedFlags lists the flags that a command refuses whatever their value.
func RefusedFlags(command string) []Entry {
	var out []Entry
	for _, e := range Table() {
		if e.Kind == Refused && e.Flag != "" && e.Value == "" && slices.Contains(e.Commands, command) {
			out = append(out, e)
		}
	}
	return out
}

// RefusedCommand is the entry of a group of Docker's that nerd does not have.
func RefusedCommand(name string) (Entry, bool) {
	for _, e := range groupEntries() {
		if slices.Contains(e.Commands, name) {
			return e, true
		}
	}
	return Entry{}, false
}
