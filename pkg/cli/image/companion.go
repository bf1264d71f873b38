package image

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/errs"
	"github.com/nerd-cli/nerd/pkg/nerd"
	"github.com/nerd-cli/nerd/pkg/state"
)

// companion is the program that has the libraries.
const companion = "nerd-image"

// runCompanion goes on as the companion, with the same arguments, streams and
// terminal. It returns only if that is not possible.
func runCompanion(f *factory.Factory) error {
	cfg, err := f.Config()
	if err != nil {
		return err
	}
	layout, err := state.NewLayout(cfg.DataRoot, cfg.RunRoot, cfg.Namespace)
	if err != nil {
		return err
	}
	path := nerd.ProgramPath(companion, layout)
	err = syscall.Exec(path, append([]string{companion}, f.Args...), os.Environ())
	if errors.Is(err, os.ErrNotExist) {
		return errs.WithHint(fmt.Errorf("%s is not installed: %w", companion, os.ErrNotExist), "it comes with nerd: run 'make install' in its source tree")
	}
	return fmt.Errorf("%s: %w", path, err)
}
