package build

import "github.com/nerd-cli/nerd/pkg/cli/factory"

// companion is the program that has the builder's library.
const companion = "nerd-build"

func runCompanion(f *factory.Factory) error { return f.RunCompanion(companion) }
