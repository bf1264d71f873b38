package factory

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/nerd-cli/nerd/pkg/errs"
	"github.com/nerd-cli/nerd/pkg/nerd"
	"github.com/nerd-cli/nerd/pkg/state"
)

// RunCompanion goes on as another program of nerd's, such as nerd-build, with the
// same arguments, streams and terminal. It returns only if that is not possible.
func (f *Factory) RunCompanion(program string) error {
	cfg, err := f.Config()
	if err != nil {
		return err
	}
	layout, err := state.NewLayout(cfg.DataRoot, cfg.RunRoot, cfg.Namespace)
	if err != nil {
		return err
	}
	path := nerd.ProgramPath(program, layout)
	err = syscall.Exec(path, append([]string{program}, f.Args...), os.Environ())
	if errors.Is(err, os.ErrNotExist) {
		return errs.WithHint(fmt.Errorf("%s is not installed: %w", program, os.ErrNotExist), "it comes with nerd: run 'make install' in its source tree")
	}
	return fmt.Errorf("%s: %w", path, err)
}
