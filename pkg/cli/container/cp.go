package container

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/container"
)

// stream is the path that stands for a tar on stdin or stdout.
const stream = "-"

// CopyOptions are the inputs of `cp`.
type CopyOptions struct {
	Base
	Source, Destination string
	FollowLink          bool
	Archive             bool
	Quiet               bool
}

// NewCmdCopy makes `cp`.
func NewCmdCopy(f *factory.Factory, runF func(context.Context, *CopyOptions) error) *cobra.Command {
	o := &CopyOptions{Base: newBase(f)}
	if runF == nil {
		runF = runCopy
	}
	cmd := verb("cp [OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n\tcp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH",
		"Copy files/folders between a container and the local filesystem", flagx.ExactArgs(2))
	cmd.Long = `Copy files/folders between a container and the local filesystem

Use '-' as the source to read a tar archive from stdin
and extract it to a directory destination in a container.
Use '-' as the destination to stream a tar archive of a
container source to stdout.`
	cmd.Example = "  nerd cp web:/etc/nginx .\n  nerd cp site/. web:/usr/share/nginx/html"
	cmd.ValidArgsFunction = complete.First(2, complete.ContainerPaths(f))
	flags := cmd.Flags()
	flags.BoolVarP(&o.Archive, "archive", "a", false, "Archive mode (copy all uid/gid information)")
	flags.BoolVarP(&o.FollowLink, "follow-link", "L", false, "Always follow symbol link in SRC_PATH")
	flags.BoolVarP(&o.Quiet, "quiet", "q", false, "Suppress progress output during copy. Progress output is automatically suppressed if no terminal is attached")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.Source, o.Destination = args[0], args[1]
		switch "" {
		case o.Source:
			return errors.New("source can not be empty")
		case o.Destination:
			return errors.New("destination can not be empty")
		}
		if !cmd.Flags().Changed("quiet") {
			o.Quiet = !o.IO.OutIsTerminal()
		}
		return runF(cmd.Context(), o)
	}
	return cmd
}

func runCopy(ctx context.Context, o *CopyOptions) error {
	from, source := splitContainer(o.Source)
	to, destination := splitContainer(o.Destination)
	switch {
	case from != "" && to != "":
		return errors.New("copying between containers is not supported")
	case from == "" && to == "":
		return errors.New("must specify at least one container source")
	}
	s, err := o.Service(ctx)
	if err != nil {
		return err
	}
	if from != "" {
		return copyFrom(ctx, o, s, from, source, destination)
	}
	return copyTo(ctx, o, s, source, to, destination)
}

func copyFrom(ctx context.Context, o *CopyOptions, s Service, ref, source, destination string) error {
	opts := container.CopyOptions{Path: source, FollowLink: o.FollowLink}
	if destination == stream {
		return s.CopyTar(ctx, ref, opts, o.IO.Out)
	}
	local, err := absolute(destination)
	if err != nil {
		return err
	}
	return o.progress("Copying from container - ", local, &opts, func() error { return s.CopyFrom(ctx, ref, opts, local) })
}

func copyTo(ctx context.Context, o *CopyOptions, s Service, source, ref, destination string) error {
	opts := container.CopyOptions{Path: destination, FollowLink: o.FollowLink, Own: o.Archive}
	if source == stream {
		return s.Unpack(ctx, ref, opts, o.IO.In)
	}
	local, err := absolute(source)
	if err != nil {
		return err
	}
	return o.progress("Copying to container - ", ref+":"+destination, &opts, func() error { return s.CopyTo(ctx, ref, opts, local) })
}

// splitContainer takes CONTAINER:PATH apart. A path that begins with a slash or a
// dot is local, even with a colon in it.
func splitContainer(arg string) (ref, path string) {
	ref, path, ok := strings.Cut(arg, ":")
	if !ok || strings.HasPrefix(arg, "/") || strings.HasPrefix(arg, ".") {
		return "", arg
	}
	return ref, path
}

// absolute makes a local path absolute and leaves its end alone, which says
// whether a folder or the content of one is meant.
func absolute(path string) (string, error) {
	if filepath.IsAbs(path) {
		return path, nil
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("finding the current folder: %w", err)
	}
	return dir + "/" + path, nil
}
