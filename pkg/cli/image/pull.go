package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"

	"github.com/distribution/reference"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
	"github.com/nerd-cli/nerd/pkg/cli/progress"
	"github.com/nerd-cli/nerd/pkg/image"
	"github.com/nerd-cli/nerd/pkg/nerd"
)

// PullOptions are the inputs of "nerd pull".
type PullOptions struct {
	Factory *factory.Factory

	Ref          string
	AllTags      bool
	Quiet        bool
	Platforms    []string
	AllPlatforms bool
	Unpack       string // auto, true or false
	Kubernetes   bool
	Verify       signature
}

// NewCmdPull makes "nerd pull".
func NewCmdPull(f *factory.Factory, runF func(context.Context, *PullOptions) error) *cobra.Command {
	o := &PullOptions{Factory: f}
	cmd := &cobra.Command{
		Use:                   "pull [OPTIONS] NAME[:TAG|@DIGEST]",
		Short:                 "Download an image from a registry",
		Args:                  flagx.ExactArgs(1),
		Annotations:           map[string]string{aliases: "nerd image pull, nerd pull"},
		DisableFlagsInUseLine: true,
		ValidArgsFunction:     complete.First(1, complete.Images(f)),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Ref = args[0]
			if err := flagx.Refused(cmd.Flags(), "pull"); err != nil {
				return err
			}
			if runF != nil {
				return runF(cmd.Context(), o)
			}
			return runPull(cmd.Context(), o)
		},
	}
	flags := cmd.Flags()
	flags.BoolVarP(&o.AllTags, "all-tags", "a", false, "Download all tagged images in the repository")
	flags.Bool("disable-content-trust", true, "Skip image verification (deprecated)")
	_ = flags.MarkHidden("disable-content-trust")
	flags.StringSliceVar(&o.Platforms, "platform", defaultPlatforms(), "Set platform if server is multi-platform capable; several are fetched together")
	flags.BoolVar(&o.AllPlatforms, "all-platforms", false, "Download all platforms of the image")
	flags.StringVar(&o.Unpack, "unpack", "auto", "Unpack the layers (auto, true, false); auto unpacks this machine's platform or the only one asked for")
	flags.BoolVarP(&o.Quiet, "quiet", "q", false, "Suppress verbose output")
	addKubernetes(flags, &o.Kubernetes)
	o.Verify.registerVerify(flags)
	flags.String("ipfs-address", "", "Not supported")
	flags.String("soci-index-digest", "", "Not supported")
	return cmd
}

func runPull(ctx context.Context, o *PullOptions) error {
	streams := o.Factory.IO
	named, err := image.ParseName(o.Ref)
	if err != nil {
		return err
	}
	bare, err := reference.ParseNormalizedNamed(o.Ref)
	if err != nil {
		return err
	}
	opts, err := o.domain()
	if err != nil {
		return err
	}
	if o.AllTags && !reference.IsNameOnly(bare) {
		return errors.New("tag can't be used with --all-tags/-a")
	}
	if o.Verify.wanted() && o.Factory.ImageTools == nil {
		return runCompanion(o.Factory)
	}
	if o.Verify.wanted() {
		if opts.Check, err = o.Factory.ImageTools.Check(o.Verify.Signature); err != nil {
			return err
		}
	}
	client, err := kubernetesClient(ctx, o.Factory, o.Kubernetes)
	if err != nil {
		return err
	}
	if o.AllTags {
		return pullAll(ctx, o, client, bare, opts)
	}
	if reference.IsNameOnly(bare) && !o.Quiet {
		fmt.Fprintln(streams.Out, "Using default tag: latest")
	}
	if err := pullOne(ctx, o, client, named, opts); err != nil {
		return err
	}
	_, err = fmt.Fprintln(streams.Out, named.String())
	return err
}

// defaultPlatforms is that of the environment, as in Docker.
func defaultPlatforms() []string {
	if p := os.Getenv("DOCKER_DEFAULT_PLATFORM"); p != "" {
		return []string{p}
	}
	return nil
}

// domain checks the flags that say what is fetched.
func (o *PullOptions) domain() (image.PullOptions, error) {
	out := image.PullOptions{AllPlatforms: o.AllPlatforms}
	if err := o.Verify.complete("verify"); err != nil {
		return out, err
	}
	if o.Unpack != "" && o.Unpack != "auto" {
		unpack, err := strconv.ParseBool(o.Unpack)
		if err != nil {
			return out, fmt.Errorf("invalid --unpack %q: auto, true or false is expected", o.Unpack)
		}
		out.NoUnpack = !unpack
	}
	var err error
	out.Platforms, err = choosePlatforms(o.Platforms, o.AllPlatforms)
	return out, err
}

func pullAll(ctx context.Context, o *PullOptions, client *nerd.Client, repo reference.Named, opts image.PullOptions) error {
	tags, err := client.Images.RemoteTags(ctx, repo)
	if err != nil {
		return err
	}
	for _, tag := range tags {
		if isAttachment(tag) {
			continue
		}
		named, err := reference.WithTag(repo, tag)
		if err != nil {
			return fmt.Errorf("registry %s lists a tag that is none: %w", reference.Domain(repo), err)
		}
		if err := pullOne(ctx, o, client, named, opts); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintln(o.Factory.IO.Out, repo.String())
	return err
}

func pullOne(ctx context.Context, o *PullOptions, client *nerd.Client, named reference.Named, opts image.PullOptions) error {
	pulled, err := pullShown(ctx, o.Factory.IO, client, named, opts, o.Quiet)
	if err != nil || o.Quiet {
		return err
	}
	return summarize(o.Factory.IO.Out, named, pulled)
}

// PullWithProgress pulls an image for a command that needs it, showing how far
// it has come on standard error, where it leaves the output of a container
// alone. The platform is os[/arch[/variant]]; empty: this machine's.
func PullWithProgress(ctx context.Context, f *factory.Factory, ref, platform string, quiet bool) error {
	named, err := image.ParseName(ref)
	if err != nil {
		return err
	}
	want, err := parsePlatform(platform)
	if err != nil {
		return err
	}
	client, err := f.Client(ctx)
	if err != nil {
		return err
	}
	var opts image.PullOptions
	if want != nil {
		opts.Platforms = []ocispec.Platform{*want}
	}
	pulled, err := pullShown(ctx, f.IO, client, named, opts, quiet)
	if err != nil || quiet {
		return err
	}
	return summarize(f.IO.Err, named, pulled)
}

func pullShown(ctx context.Context, streams *iostreams.IOStreams, client *nerd.Client, named reference.Named, opts image.PullOptions, quiet bool) (*image.Pulled, error) {
	printer := progress.Quiet()
	if !quiet {
		printer = newPrinter(streams)
	}
	defer printer.Close()
	events := show(printer)
	// The headline comes with the first layer: an image that is not to be had
	// is one line, the error.
	headline := sync.OnceFunc(func() {
		if !quiet {
			fmt.Fprintf(streams.Err, "%s: Pulling from %s\n", tagOrDigest(named), reference.Path(named))
		}
	})
	opts.Progress = func(e image.Event) {
		headline()
		events(e)
	}
	return client.Images.Pull(ctx, named.String(), opts)
}

// minHeight is the height in lines of the smallest terminal worth the name; some
// pseudo-terminals say that they have none at all.
const minHeight = 10

// newPrinter shows progress on standard error.
func newPrinter(streams *iostreams.IOStreams) progress.Printer {
	_, height, ok := streams.Size()
	if !ok || height < minHeight {
		height = minHeight
	}
	return progress.New(streams.Err, streams.ErrIsTerminal(), streams.ErrWidth(), height-2)
}

// show turns the events of a layer into Docker's words.
func show(p progress.Printer) func(image.Event) {
	return func(e image.Event) {
		u := progress.Update{ID: fmt.Sprintf("%.12s", e.Layer.Encoded())}
		switch e.Phase {
		case image.Waiting:
			u.Status = "Pulling fs layer"
		case image.Exists:
			u.Status, u.Done = "Already exists", true
		case image.Downloading:
			u.Status, u.Current, u.Total = "Downloading", e.Current, e.Total
		case image.Downloaded:
			u.Status = "Download complete"
		case image.Extracting:
			u.Status = "Extracting"
		case image.Complete:
			u.Status, u.Done = "Pull complete", true
		case image.Converting:
			u.Status = "Converting"
		case image.Converted:
			u.Status, u.Done = "Converted", true
		}
		p.Update(u)
	}
}

func summarize(w io.Writer, named reference.Named, pulled *image.Pulled) error {
	status := "Image is up to date for"
	if pulled.New {
		status = "Downloaded newer image for"
	}
	_, err := fmt.Fprintf(w, "Digest: %s\nStatus: %s %s\n", pulled.Digest, status, reference.FamiliarString(named))
	return err
}

func tagOrDigest(named reference.Named) string {
	switch r := named.(type) {
	case reference.Digested:
		return r.Digest().String()
	case reference.Tagged:
		return r.Tag()
	}
	return named.Name()
}
