package context

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
)

// stdio is the operand that stands for standard input or output.
const stdio = "-"

// TransferOptions are the inputs of `context export` and `context import`.
type TransferOptions struct {
	Base
	Name string
	File string // - is standard input or output; for an export, empty is NAME.dockercontext
}

// NewCmdExport makes `context export`.
func NewCmdExport(f *factory.Factory, runF func(context.Context, *TransferOptions) error) *cobra.Command {
	o := &TransferOptions{Base: newBase(f)}
	if runF == nil {
		runF = runExport
	}
	return &cobra.Command{
		Use:               "export CONTEXT [FILE|-]",
		Short:             "Export a context to a tar archive FILE, or to standard output",
		Example:           "  nerd context export pods pods.tar\n  nerd context export pods - | tar t",
		Args:              flagx.RangeArgs(1, 2),
		ValidArgsFunction: firstThenFile(f),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.Name = args[0]; len(args) > 1 {
				o.File = args[1]
			}
			return runF(cmd.Context(), o)
		},
	}
}

func firstThenFile(f *factory.Factory) cobra.CompletionFunc {
	first := firstName(f)
	return func(cmd *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) == 1 {
			return nil, cobra.ShellCompDirectiveDefault
		}
		return first(cmd, args, word)
	}
}

func runExport(_ context.Context, o *TransferOptions) error {
	path := o.File
	switch {
	case path == stdio && o.IO.OutIsTerminal():
		return errors.New("cowardly refusing to export to a terminal, specify a file path")
	case path == stdio:
		return o.Store().Export(o.Name, o.IO.Out)
	case path == "":
		path = o.Name + ".dockercontext"
	}
	if _, err := o.Store().Get(o.Name); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(o.Store().Export(o.Name, file), file.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	fmt.Fprintf(o.IO.Err, "Written file %q\n", path)
	return nil
}

// NewCmdImport makes `context import`.
func NewCmdImport(f *factory.Factory, runF func(context.Context, *TransferOptions) error) *cobra.Command {
	o := &TransferOptions{Base: newBase(f)}
	if runF == nil {
		runF = runImport
	}
	return &cobra.Command{
		Use:     "import CONTEXT FILE|-",
		Short:   "Import a context from a tar archive",
		Example: "  nerd context import pods pods.tar\n  cat pods.tar | nerd context import pods2 -",
		Args:    flagx.ExactArgs(2),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) == 1 {
				return nil, cobra.ShellCompDirectiveDefault
			}
			return nil, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Name, o.File = args[0], args[1]
			return runF(cmd.Context(), o)
		},
	}
}

func runImport(_ context.Context, o *TransferOptions) error {
	from := o.IO.In
	if o.File != stdio {
		file, err := os.Open(o.File)
		if err != nil {
			return err
		}
		defer file.Close()
		from = file
	}
	if err := o.Store().Import(o.Name, from); err != nil {
		return err
	}
	fmt.Fprintln(o.IO.Out, o.Name)
	fmt.Fprintf(o.IO.Err, "Successfully imported context %q\n", o.Name)
	return nil
}
