package compat

import "slices"

// composeEntries are about the commands on Compose projects. What becomes of each
// attribute of a file is in docs/compose.md.
func composeEntries() []Entry {
	return []Entry{
		{
			Commands: []string{"compose publish", "compose alpha publish"}, Kind: Refused,
			Why:     "Nothing reads a project from a registry: nothing is fetched for a Compose file.",
			Instead: "push the images with 'compose push' and keep the file in version control",
		},
		{
			Commands: []string{"compose bridge convert", "compose bridge transformations create", "compose bridge transformations list"}, Kind: Refused,
			Why:     "It runs images of Docker's that write files for other systems.",
			Instead: "take the output of 'compose config --format json'",
		},
		{
			Commands: []string{"compose alpha generate"}, Kind: Refused,
			Why:     "An experiment of Docker Compose.",
			Instead: "write the file from the output of 'inspect'",
		},
		{
			Commands: []string{"compose docker-cli-plugin-hooks"}, Kind: Refused,
			Why:     "It is how Docker's command line asks its plugins.",
			Instead: "there is nothing to ask",
		},
		{
			Commands: []string{"compose build"}, Flag: "builder", Value: "other than `default`", Kind: Refused,
			Why: "Each namespace has one builder.", Instead: "choose the namespace",
		},
		{
			Commands: []string{"compose build"}, Flag: "memory", Kind: Warned, Why: "BuildKit does not know it.",
		},
		{
			Commands: []string{"compose build"}, Flag: "print", Kind: Differs, Why: "The file has the labels of the project as well.",
		},
		{
			Commands: []string{"compose up", "compose create"}, Flag: "yes", Kind: Differs,
			Why: "Nothing is asked: a volume whose settings have changed is kept, with a warning.",
		},
		{
			Commands: []string{"compose up"}, Flag: "menu", Kind: Differs,
			Why: "There is no menu. Keys do nothing but end the command, by Ctrl+C.",
		},
		{
			Commands: []string{"compose"}, Flag: "dry-run", Kind: Differs,
			Why: "It prints the plan, a line for each step with its reason, rather than events of what is not done.",
		},
		{
			Commands: []string{"compose"}, Flag: "parallel", Kind: Differs,
			Why: "16 steps are taken at a time unless it says otherwise; Docker has no limit.",
		},
		{Commands: []string{"compose"}, Flag: "lenient", Kind: Extra, Why: "Attributes that are not supported become warnings."},
	}
}

// Instead is the way out of a command that is refused as a whole.
func Instead(command string) string {
	for _, e := range Table() {
		if e.Kind == Refused && e.Flag == "" && slices.Contains(e.Commands, command) {
			return e.Instead
		}
	}
	return "leave it out"
}
