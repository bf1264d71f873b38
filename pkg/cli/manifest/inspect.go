package manifest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/image"
	"github.com/nerd-cli/nerd/pkg/manifest"
)

// InspectOptions are the inputs of "nerd manifest inspect".
type InspectOptions struct {
	Factory *factory.Factory

	List     string // empty: Ref is looked up by itself
	Ref      string
	Insecure bool
	Verbose  bool
}

// NewCmdInspect makes "nerd manifest inspect".
func NewCmdInspect(f *factory.Factory, runF func(context.Context, *InspectOptions) error) *cobra.Command {
	o := &InspectOptions{Factory: f}
	cmd := &cobra.Command{
		Use:                   "inspect [OPTIONS] [MANIFEST_LIST] MANIFEST",
		Short:                 "Display an image manifest, or manifest list",
		Args:                  flagx.RangeArgs(1, 2),
		DisableFlagsInUseLine: true,
		ValidArgsFunction:     cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Ref = args[len(args)-1]
			if len(args) == 2 {
				o.List = args[0]
			}
			if runF != nil {
				return runF(cmd.Context(), o)
			}
			return runInspect(cmd.Context(), o)
		},
	}
	cmd.Flags().BoolVar(&o.Insecure, "insecure", false, insecureHelp)
	cmd.Flags().BoolVarP(&o.Verbose, "verbose", "v", false, "Output additional info including layers and platform")
	return cmd
}

func runInspect(ctx context.Context, o *InspectOptions) error {
	ref, err := image.ParseName(o.Ref)
	if err != nil {
		return err
	}
	s, err := store(o.Factory, o.Insecure)
	if err != nil {
		return err
	}
	if o.List != "" {
		target, err := listName(o.List)
		if err != nil {
			return err
		}
		e, err := s.InspectIn(target, ref)
		if err != nil {
			return err
		}
		return printEntry(o, e)
	}
	entries, index, single, err := s.Inspect(ctx, ref)
	switch {
	case err != nil:
		return err
	case single:
		return printEntry(o, &entries[0])
	case o.Verbose:
		return printJSON(o, entries, "\t")
	}
	return printJSON(o, index, "   ")
}

// printEntry prints a manifest the way its registry has it, or verbosely.
func printEntry(o *InspectOptions, e *manifest.Entry) error {
	if o.Verbose {
		return printJSON(o, e, "\t")
	}
	var out bytes.Buffer
	if err := json.Indent(&out, e.Raw, "", "\t"); err != nil {
		return err
	}
	_, err := fmt.Fprintln(o.Factory.IO.Out, out.String())
	return err
}

func printJSON(o *InspectOptions, v any, indent string) error {
	data, err := json.MarshalIndent(v, "", indent)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(o.Factory.IO.Out, string(data))
	return err
}
