package container

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/cli/outfile"
)

// ExportOptions are the inputs of `export`.
type ExportOptions struct {
	Base
	Name   string
	Output string // file; empty: standard output
}

// NewCmdExport makes `export`.
func NewCmdExport(f *factory.Factory, runF func(context.Context, *ExportOptions) error) *cobra.Command {
	o := &ExportOptions{Base: newBase(f)}
	if runF == nil {
		runF = runExport
	}
	cmd := verb("export [OPTIONS] CONTAINER", "Export a container's filesystem as a tar archive", flagx.ExactArgs(1))
	cmd.Example = "  nerd export -o rootfs.tar web\n  nerd export web | tar -tf -"
	cmd.ValidArgsFunction = complete.First(1, complete.Containers(f, nil))
	cmd.Flags().StringVarP(&o.Output, "output", "o", "", "Write to a file, instead of STDOUT")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.Name = args[0]
		return runF(cmd.Context(), o)
	}
	return cmd
}

func runExport(ctx context.Context, o *ExportOptions) error {
	if o.Output == "" && o.IO.OutIsTerminal() {
		return errors.New("cowardly refusing to save to a terminal. Use the -o flag or redirect")
	}
	s, err := o.Service(ctx)
	if err != nil {
		return err
	}
	if o.Output == "" {
		return s.Export(ctx, o.Name, o.IO.Out)
	}
	if err := outfile.Write(o.Output, func(w io.Writer) error { return s.Export(ctx, o.Name, w) }); err != nil {
		return fmt.Errorf("failed to export container: %w", err)
	}
	return nil
}
