package compat

// baking are the paths of the bake command.
var baking = []string{"buildx bake", "builder bake"}

// bakeEntries are about building several images at once.
func bakeEntries() []Entry {
	return []Entry{
		{Commands: baking, Flag: "policy", Kind: Refused, Why: "It is of buildx alone, an experiment.", Instead: "leave it out"},
		{
			Commands: baking, Value: "a definition on another machine", Kind: Refused,
			Why: "Nothing is fetched that then says what is read and written here.", Instead: "fetch it and name the file with `--file`",
		},
		{
			Commands: baking, Value: "`target:` contexts of different secrets", Kind: Refused,
			Why: "A target and those whose results it takes are built in one session, where a secret's name stands for one value.", Instead: "give the secrets different names",
		},
		{Commands: []string{"builder bake"}, Kind: Extra, Why: "In Docker it is `buildx bake`."},
	}
}
