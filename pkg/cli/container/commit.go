package container

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/container"
)

// CommitOptions are the inputs of `commit`.
type CommitOptions struct {
	Base
	Name    string
	NoPause bool
	Commit  container.CommitOptions
}

// NewCmdCommit makes `commit`.
func NewCmdCommit(f *factory.Factory, runF func(context.Context, *CommitOptions) error) *cobra.Command {
	o := &CommitOptions{Base: newBase(f)}
	if runF == nil {
		runF = runCommit
	}
	cmd := verb("commit [OPTIONS] CONTAINER [REPOSITORY[:TAG]]", "Create a new image from a container's changes", flagx.RangeArgs(1, 2))
	cmd.Example = "  nerd commit web web:patched\n  nerd commit -c 'CMD [\"nginx\"]' -m 'by hand' web web:2"
	cmd.ValidArgsFunction = complete.First(1, complete.Containers(f, nil))
	flags := cmd.Flags()
	flags.StringVarP(&o.Commit.Author, "author", "a", "", `Author (e.g., "John Hannibal Smith <hannibal@a-team.com>")`)
	flags.StringArrayVarP(&o.Commit.Changes, "change", "c", nil, "Apply Dockerfile instruction to the created image")
	flags.StringVarP(&o.Commit.Message, "message", "m", "", "Commit message")
	flags.BoolVar(&o.NoPause, "no-pause", false, "Disable pausing container during commit")
	flags.BoolVarP(&o.Commit.Pause, "pause", "p", true, "Pause container during commit")
	flags.StringVar(&o.Commit.Compression, "compression", "", "Compression of the new layer: gzip, zstd or uncompressed; by default zstd, or gzip with --format docker")
	flags.StringVar(&o.Commit.Format, "format", "", "Format of the new image: docker or oci; by default that of the container's image")
	lazyFlags(flags)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := flagx.Refused(cmd.Flags(), "commit"); err != nil {
			return flagx.FlagError(cmd, err)
		}
		o.Name = args[0]
		if len(args) > 1 {
			o.Commit.Name = args[1]
		}
		if o.NoPause && cmd.Flags().Changed("pause") && o.Commit.Pause {
			return flagx.FlagError(cmd, errors.New("conflicting options: --no-pause and --pause cannot be used together"))
		}
		o.Commit.Pause = o.Commit.Pause && !o.NoPause
		return runF(cmd.Context(), o)
	}
	return cmd
}

func runCommit(ctx context.Context, o *CommitOptions) error {
	s, err := o.Service(ctx)
	if err != nil {
		return err
	}
	id, err := s.Commit(ctx, o.Name, o.Commit)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(o.IO.Out, id)
	return err
}

// lazyFlags are nerdctl's for layers that are fetched piece by piece.
func lazyFlags(flags *pflag.FlagSet) {
	for _, kind := range []string{"estargz", "zstdchunked"} {
		flags.Bool(kind, false, "Not supported")
		flags.Int(kind+"-compression-level", 0, "Not supported")
		flags.Int(kind+"-chunk-size", 0, "Not supported")
	}
	flags.Int("estargz-min-chunk-size", 0, "Not supported")
}
