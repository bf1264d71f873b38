package compose

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/nerd-cli/nerd/pkg/build/spec"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/errs"
	"github.com/nerd-cli/nerd/pkg/nerd"
	"github.com/nerd-cli/nerd/pkg/state"
)

// builderProgram is the companion that has the builder's library besides: 2.7 ms
// more at every start, which only the commands that build have to pay.
const builderProgram = "nerd-build"

// Builder builds the images of services. Only the companion that can has one.
type Builder interface {
	// Open connects to the builder and begins to show, in the mode of a --progress,
	// what the builds of n services do.
	Open(ctx context.Context, f *factory.Factory, mode string, n int) (Builds, error)
}

// Builds are builds at a time, with one display.
type Builds interface {
	// Build builds the image of a service. The digest is empty if the options only
	// ask about the build; then the answer is written to standard output.
	Build(ctx context.Context, service string, o *spec.Options) (digest string, err error)
	// Close ends the display, which has shown everything then.
	Close() error
}

// remembering keeps what has been read of the standard input: another program that
// goes on has to read the same.
type remembering struct {
	io.Reader
	read bytes.Buffer
}

func (r *remembering) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.read.Write(p[:n])
	return n, err
}

// needBuilder makes sure that there is a builder: without one, the companion that
// has one goes on with the same command line, in place of this program. Nothing
// that is not to be done twice may have been done before.
func (g *Project) needBuilder() error {
	if g.builder != nil {
		return nil
	}
	cfg, err := g.Factory.Config()
	if err != nil {
		return err
	}
	layout, err := state.NewLayout(cfg.DataRoot, cfg.RunRoot, cfg.Namespace)
	if err != nil {
		return err
	}
	if err := g.rewind(); err != nil {
		return fmt.Errorf("handing the standard input on: %w", err)
	}
	path := nerd.ProgramPath(builderProgram, layout)
	err = syscall.Exec(path, append([]string{g.Factory.Program}, g.Factory.Args...), os.Environ())
	if errors.Is(err, os.ErrNotExist) {
		return errs.WithHint(fmt.Errorf("%s is not installed: %w", builderProgram, os.ErrNotExist), "it comes with nerd: run 'make install' in its source tree")
	}
	return fmt.Errorf("%s: %w", path, err)
}

// rewind puts what has been read of the standard input back, for whoever goes on.
func (g *Project) rewind() error {
	if g.stdin == nil || g.stdin.read.Len() == 0 {
		return nil
	}
	fd, err := unix.MemfdCreate("compose.yaml", unix.MFD_CLOEXEC)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), "compose.yaml")
	defer f.Close()
	if _, err := f.Write(g.stdin.read.Bytes()); err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return unix.Dup3(fd, 0, 0)
}
