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
		{Commands: []string{"buildx create", "builder create", "buildx use", "builder use"}, Kind: Refused, Why: "Each namespace has one builder.", Instead: "leave it out; `--buildkit-host` names a buildkitd elsewhere"},
		{Commands: []string{"buildx dial-stdio", "builder dial-stdio"}, Kind: Refused, Why: "The builder's socket is on this machine.", Instead: "connect to the one that `builder inspect` names"},
		{Commands: []string{"builder debug", "buildx debug"}, Kind: Refused, Why: "A debugger of build steps would be a program of its own.", Instead: "build up to a stage with `--target` and look around in it with `run -it`"},
		{Commands: []string{"buildx history", "builder history"}, Kind: Refused, Why: "Records of builds would hold on to images that were removed, so none are kept.", Instead: "keep what `--metadata-file` writes"},
		{Commands: []string{"buildx imagetools", "builder imagetools"}, Kind: Refused, Why: "Indexes in registries are the work of another command.", Instead: "use `manifest`"},
		{Commands: []string{"builder ls", "builder inspect", "builder version"}, Kind: Extra, Why: "In Docker they are of `buildx`."},
		{Commands: building, Flag: "buildkit-host", Kind: Extra, Why: "Builds on another buildkitd, as `$BUILDKIT_HOST` does; the result comes into the image store."},
		{Commands: []string{"builder bake"}, Kind: Extra, Why: "In Docker it is `buildx bake`."},
	}
}
