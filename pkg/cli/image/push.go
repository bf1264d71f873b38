package image

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/distribution/reference"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/cli/progress"
	"github.com/nerd-cli/nerd/pkg/image"
	"github.com/nerd-cli/nerd/pkg/nerd"
)

// PushOptions are the inputs of "nerd push".
type PushOptions struct {
	Factory *factory.Factory

	Ref       string
	AllTags   bool
	Quiet     bool
	Platforms []string
	Push      image.PushOptions
	Sign      signature
}

// NewCmdPush makes "nerd push".
func NewCmdPush(f *factory.Factory, runF func(context.Context, *PushOptions) error) *cobra.Command {
	o := &PushOptions{Factory: f}
	cmd := &cobra.Command{
		Use:                   "push [OPTIONS] NAME[:TAG]",
		Short:                 "Upload an image to a registry",
		Example:               "  nerd push localhost:5000/app:1\n  nerd push --all-tags registry.example.com/team/app",
		Args:                  flagx.ExactArgs(1),
		Annotations:           map[string]string{aliases: "nerd image push, nerd push"},
		DisableFlagsInUseLine: true,
		ValidArgsFunction:     complete.First(1, complete.Images(f)),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Ref = args[0]
			if err := flagx.Refused(cmd.Flags(), "push"); err != nil {
				return err
			}
			if runF != nil {
				return runF(cmd.Context(), o)
			}
			return runPush(cmd.Context(), o)
		},
	}
	flags := cmd.Flags()
	flags.BoolVarP(&o.AllTags, "all-tags", "a", false, "Push all tags of an image to the repository")
	flags.Bool("disable-content-trust", true, "Skip image signing (deprecated)")
	_ = flags.MarkHidden("disable-content-trust")
	var platforms []string
	if p := os.Getenv("DOCKER_DEFAULT_PLATFORM"); p != "" {
		platforms = []string{p}
	}
	flags.StringSliceVar(&o.Platforms, "platform", platforms, "Push these platforms of the image alone")
	flags.BoolVar(&o.Push.AllPlatforms, "all-platforms", false, "Fail if a platform of the image is not here")
	flags.BoolVar(&o.Push.NonDistributable, "allow-nondistributable-artifacts", false, "Push layers marked as not distributable, too")
	flags.BoolVarP(&o.Quiet, "quiet", "q", false, "Suppress verbose output")
	o.Sign.registerSign(flags)
	refusedPushFlags(flags)
	return cmd
}

func runPush(ctx context.Context, o *PushOptions) error {
	if _, err := image.ParseName(o.Ref); err != nil {
		return err
	}
	bare, err := reference.ParseNormalizedNamed(o.Ref)
	if err != nil {
		return err
	}
	if o.Push.Platforms, err = parsePlatforms(o.Platforms); err != nil {
		return err
	}
	if o.AllTags && !reference.IsNameOnly(bare) {
		return errors.New("tag can't be used with --all-tags/-a")
	}
	if err := o.Sign.complete("sign"); err != nil {
		return err
	}
	if o.Sign.wanted() && o.Factory.ImageTools == nil {
		return runCompanion(o.Factory)
	}
	if o.Sign.wanted() {
		if o.Push.Attach, err = o.Factory.ImageTools.Attach(o.Sign.Signature); err != nil {
			return err
		}
	}
	client, err := o.Factory.Client(ctx)
	if err != nil {
		return err
	}
	tags := []reference.Named{reference.TagNameOnly(bare)}
	if o.AllTags {
		if tags, err = client.Images.Tags(ctx, bare); err != nil {
			return err
		}
	}
	for _, named := range tags {
		if err := pushOne(ctx, o, client, named, reference.IsNameOnly(bare) && !o.AllTags); err != nil {
			return err
		}
	}
	return nil
}

func pushOne(ctx context.Context, o *PushOptions, client *nerd.Client, named reference.Named, defaulted bool) error {
	streams := o.Factory.IO
	printer := progress.Quiet()
	if !o.Quiet {
		printer = newPrinter(streams)
	}
	headline := sync.OnceFunc(func() {
		if defaulted && !o.Quiet {
			fmt.Fprintln(streams.Out, "Using default tag: latest")
		}
		if !o.Quiet {
			fmt.Fprintf(streams.Err, "The push refers to repository [%s]\n", named.Name())
		}
	})
	opts := o.Push
	opts.Progress = func(e image.Event) {
		if e.Phase == image.Waiting { // a registry that is not to be had is one line, the error
			return
		}
		headline()
		printer.Update(pushUpdate(e))
	}
	pushed, err := client.Images.Push(ctx, named.String(), opts)
	printer.Close()
	if err != nil {
		return err
	}
	if len(pushed.Missing) > 0 && len(opts.Platforms) == 0 {
		slices.Sort(pushed.Missing)
		fmt.Fprintf(streams.Err, "Not pushed, as they are not here: the platforms %s\n", strings.Join(pushed.Missing, ", "))
	}
	if o.Quiet {
		_, err = fmt.Fprintln(streams.Out, named.String())
		return err
	}
	_, err = fmt.Fprintf(streams.Out, "%s: digest: %s size: %d\n", tagOrDigest(named), pushed.Digest, pushed.Size)
	return err
}

// pushUpdate turns an event of a layer into Docker's words.
func pushUpdate(e image.Event) progress.Update {
	u := progress.Update{ID: fmt.Sprintf("%.12s", e.Layer.Encoded())}
	switch e.Phase {
	case image.Uploaded:
		u.Status, u.Done = "Pushed", true
	case image.Mounted:
		u.Status, u.Done = "Mounted from "+e.From, true
	case image.Exists:
		u.Status, u.Done = "Layer already exists", true
	default:
		u.Status, u.Current, u.Total = "Pushing", e.Current, e.Total
	}
	return u
}

// PushWithProgress sends one name of an image for a command that has made it.
func PushWithProgress(ctx context.Context, f *factory.Factory, client *nerd.Client, named reference.Named, quiet bool) error {
	return pushOne(ctx, &PushOptions{Factory: f, Quiet: quiet}, client, named, false)
}

// refusedPushFlags registers flags that are known and always refused.
func refusedPushFlags(flags *pflag.FlagSet) {
	const no = "Not supported"
	flags.Bool("estargz", false, no)
	flags.String("ipfs-address", "", no)
	flags.Bool("ipfs-ensure-image", true, no)
	flags.Int64("soci-min-layer-size", -1, no)
	flags.Int64("soci-span-size", -1, no)
	for _, name := range []string{"estargz", "ipfs-address", "ipfs-ensure-image", "soci-min-layer-size", "soci-span-size"} {
		_ = flags.MarkHidden(name)
	}
}
