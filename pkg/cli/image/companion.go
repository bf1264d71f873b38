package image

import "github.com/nerd-cli/nerd/pkg/cli/factory"

// companion is the program that has the libraries.
const companion = "nerd-image"

func runCompanion(f *factory.Factory) error { return f.RunCompanion(companion) }
