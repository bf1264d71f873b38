package compat

import (
	"fmt"
	"slices"
	"strings"
)

const intro = `# Where nerd differs from Docker

<!-- Made by: make docs. The source is pkg/cli/compat. -->

nerd takes Docker's commands and flags. This page lists each one that it refuses,
accepts with a warning or treats in another way, and why. A flag that is not here does what it
does in Docker. No flag is ignored silently.

Messages are Docker's where Docker has one. nerd prints them as ` + "`nerd: MESSAGE`" + ` without
"Error response from daemon", because there is no daemon.
`

// sections are the kinds in the order of the page.
var sections = []struct {
	kind  Kind
	title string
}{
	{Refused, "Refused"},
	{Warned, "Accepted with a warning"},
	{Differs, "Different"},
	{Extra, "Only in nerd"},
}

// Markdown is docs/compatibility.md.
func Markdown(table []Entry) string {
	var b strings.Builder
	b.WriteString(intro)
	for _, s := range sections {
		rows := slices.DeleteFunc(slices.Clone(table), func(e Entry) bool { return e.Kind != s.kind })
		if len(rows) == 0 {
			continue
		}
		slices.SortStableFunc(rows, func(a, b Entry) int { return strings.Compare(a.where()+a.what(), b.where()+b.what()) })
		fmt.Fprintf(&b, "\n## %s\n\n| command | what | why | instead |\n|---|---|---|---|\n", s.title)
		for _, e := range rows {
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", cell(e.where()), cell(e.what()), cell(e.Why), cell(e.Instead))
		}
	}
	return b.String()
}

// where names the commands.
func (e Entry) where() string {
	if len(e.Commands) == 0 {
		return "all"
	}
	return "`" + strings.Join(e.Commands, "`, `") + "`"
}

// what names the flag and its value.
func (e Entry) what() string {
	if e.Flag == "" {
		return e.Value
	}
	return strings.TrimSpace("`--" + e.Flag + "` " + e.Value)
}

// cell keeps a text from ending its cell.
func cell(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, "|", "\\|"), "\n", " ")
}
