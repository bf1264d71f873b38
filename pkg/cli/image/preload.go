package image

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/image"
)

// PreloadOptions are the inputs of "nerd image preload".
type PreloadOptions struct {
	Factory *factory.Factory

	Lists        []string // names of images, files that list some, or "-"
	Jobs         int
	Pull         string // always or missing
	Platforms    []string
	AllPlatforms bool
	Quiet        bool
	Kubernetes   bool
}

// NewCmdPreload makes "nerd image preload".
func NewCmdPreload(f *factory.Factory, runF func(context.Context, *PreloadOptions) error) *cobra.Command {
	o := &PreloadOptions{Factory: f}
	cmd := &cobra.Command{
		Use:                   "preload [OPTIONS] FILE|IMAGE [FILE|IMAGE...]",
		Short:                 "Pull a list of images in parallel",
		Long:                  "Pull images, several at a time, before they are needed. A FILE, or - for standard input, names\nan image a line; empty lines and what follows a # do not count. An image that cannot be pulled\ndoes not keep the others from coming, but the command fails.",
		Example:               "  nerd image preload --for-kubernetes images.txt\n  kubeadm config images list | nerd image preload --for-kubernetes -",
		Args:                  flagx.MinArgs(1),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Lists = args
			if o.Jobs < 1 {
				return flagx.FlagError(cmd, fmt.Errorf("invalid --jobs %d: at least 1 is expected", o.Jobs))
			}
			if o.Pull != "always" && o.Pull != "missing" {
				return flagx.FlagError(cmd, fmt.Errorf("invalid --pull %q: always or missing is expected", o.Pull))
			}
			if runF != nil {
				return runF(cmd.Context(), o)
			}
			return runPreload(cmd.Context(), o)
		},
	}
	flags := cmd.Flags()
	flags.IntVarP(&o.Jobs, "jobs", "j", 3, "How many images to pull at a time")
	flags.StringVar(&o.Pull, "pull", "always", `Ask the registry for every image ("always"), or pull only those that are not here ("missing")`)
	flags.BoolVarP(&o.Quiet, "quiet", "q", false, "Print nothing but errors")
	addPlatforms(flags, &o.Platforms, &o.AllPlatforms)
	addKubernetes(flags, &o.Kubernetes)
	return cmd
}

func runPreload(ctx context.Context, o *PreloadOptions) error {
	opts := image.PreloadOptions{Jobs: o.Jobs, Missing: o.Pull == "missing"}
	var err error
	if opts.Pull.Platforms, err = choosePlatforms(o.Platforms, o.AllPlatforms); err != nil {
		return err
	}
	opts.Pull.AllPlatforms = o.AllPlatforms
	refs, err := readLists(o.Lists, o.Factory.IO.In)
	if err != nil {
		return err
	}
	client, err := kubernetesClient(ctx, o.Factory, o.Kubernetes)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	opts.Done = func(p image.Preloaded) {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case p.Err != nil:
			fmt.Fprintf(o.Factory.IO.Err, "%s: failed: %v\n", p.Ref, p.Err)
		case o.Quiet:
		case p.New:
			fmt.Fprintf(o.Factory.IO.Out, "%s: pulled %s in %s\n", p.Ref, p.Digest, p.Took.Round(10*time.Millisecond))
		default:
			fmt.Fprintf(o.Factory.IO.Out, "%s: up to date %s\n", p.Ref, p.Digest)
		}
	}
	list, err := client.Images.Preload(ctx, refs, opts)
	if err != nil {
		return err
	}
	return summarizePreload(o, list)
}

func summarizePreload(o *PreloadOptions, list []image.Preloaded) error {
	pulled, failed := 0, 0
	for _, p := range list {
		switch {
		case p.Err != nil:
			failed++
		case p.New:
			pulled++
		}
	}
	if !o.Quiet {
		fmt.Fprintf(o.Factory.IO.Out, "%d images: %d pulled, %d up to date, %d failed\n", len(list), pulled, len(list)-pulled-failed, failed)
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d images could not be pulled", failed, len(list))
	}
	return nil
}

// readLists takes the names of images from the command line, and from the files
// and the stream that it names. A file goes before an image of the same name.
func readLists(args []string, in io.Reader) ([]string, error) {
	var refs []string
	for _, arg := range args {
		if arg == "-" {
			found, err := readList(in)
			if err != nil {
				return nil, err
			}
			refs = append(refs, found...)
			continue
		}
		info, err := os.Stat(arg)
		if err != nil || !info.Mode().IsRegular() {
			if image.IsPath(arg) {
				return nil, fmt.Errorf("%s is no file that lists images", arg)
			}
			refs = append(refs, arg)
			continue
		}
		f, err := os.Open(arg)
		if err != nil {
			return nil, err
		}
		found, err := readList(f)
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, fmt.Errorf("%s: %w", arg, err)
		}
		refs = append(refs, found...)
	}
	if len(refs) == 0 {
		return nil, errors.New("the list names no image")
	}
	return refs, nil
}

func readList(r io.Reader) ([]string, error) {
	var refs []string
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line, _, _ := strings.Cut(lines.Text(), "#")
		words := strings.Fields(line)
		if len(words) > 1 {
			return nil, fmt.Errorf("%q is more than the name of an image", strings.TrimSpace(line))
		}
		refs = append(refs, words...)
	}
	return refs, lines.Err()
}
