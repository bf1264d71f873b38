package container

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/cli/image"
	"github.com/nerd-cli/nerd/pkg/container"
)

// Values of --pull.
const (
	pullMissing = "missing"
	pullAlways  = "always"
	pullNever   = "never"
)

// PullFunc gets an image that is not there, or a newer one.
type PullFunc func(ctx context.Context, ref, platform string, quiet bool) error

// CreateOptions are the inputs of `create` and the part that `run` shares.
type CreateOptions struct {
	Base
	Create container.CreateOptions
	Pull   string // missing, always, never
	Quiet  bool   // no progress of a pull

	factory   *factory.Factory
	flags     flagx.ContainerFlags
	pullImage PullFunc
	hasImage  func(ctx context.Context, ref string) (bool, error)
}

func newCreateOptions(f *factory.Factory) CreateOptions {
	return CreateOptions{
		Base: newBase(f), factory: f,
		pullImage: func(ctx context.Context, ref, platform string, quiet bool) error {
			return image.PullWithProgress(ctx, f, ref, platform, quiet)
		},
		hasImage: func(ctx context.Context, ref string) (bool, error) {
			client, err := f.Client(ctx)
			if err != nil {
				return false, err
			}
			_, err = client.Images.Resolve(ctx, ref)
			if errdefs.IsNotFound(err) {
				return false, nil
			}
			return err == nil, err
		},
	}
}

func (o *CreateOptions) register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.SetInterspersed(false) // what follows the image belongs to the container
	o.flags.Register(fs)
	fs.StringVar(&o.Pull, "pull", pullMissing, `When to pull the image: "always", "missing", "never"`)
	fs.BoolVarP(&o.Quiet, "quiet", "q", false, "Do not show the progress of a pull")
	_ = cmd.RegisterFlagCompletionFunc("pull", complete.Words(pullAlways, pullMissing, pullNever))
	_ = cmd.RegisterFlagCompletionFunc("network", complete.Networks(o.factory, nil))
	_ = cmd.RegisterFlagCompletionFunc("volumes-from", complete.Containers(o.factory, nil))
	_ = cmd.RegisterFlagCompletionFunc("volume", complete.VolumesAndFiles(o.factory))
	_ = cmd.RegisterFlagCompletionFunc("volume-driver", complete.Words("local"))
	_ = cmd.RegisterFlagCompletionFunc("mount", complete.Words("type=bind,", "type=volume,", "type=tmpfs,", "type=image,"))
	_ = cmd.RegisterFlagCompletionFunc("restart", complete.Words("no", "on-failure", "always", "unless-stopped"))
	_ = cmd.RegisterFlagCompletionFunc("log-driver", complete.Words("fluentd", "gelf", "journald", "json-file", "local", "none", "syslog"))
}

// complete makes the typed options of the flags and the arguments, without
// looking at anything but them.
func (o *CreateOptions) complete(cmd *cobra.Command, args []string) error {
	switch o.Pull {
	case pullAlways, pullMissing, pullNever:
	default:
		return fmt.Errorf("invalid pull option: '%s': must be one of %q, %q or %q", o.Pull, pullAlways, pullMissing, pullNever)
	}
	warnDeprecated(o.IO, cmd.Flags())
	opts, err := o.flags.Options(cmd.Flags(), args[0], args[1:])
	if err != nil {
		return err
	}
	if _, err := reference.ParseAnyReference(args[0]); err != nil {
		return fmt.Errorf("%w: %q", err, args[0])
	}
	o.Create = opts
	return nil
}

// checkIDFile refuses a file that exists: it may hold the id of a container that
// still runs.
func checkIDFile(path string) error {
	if path == "" {
		return nil
	}
	_, err := os.Stat(path)
	switch {
	case err == nil:
		return fmt.Errorf("container ID file found, make sure the other container isn't running or delete %s", path)
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("container ID file: %w", err)
	}
	return nil
}

func writeIDFile(path, id string) error {
	if path == "" {
		return nil
	}
	if err := os.WriteFile(path, []byte(id), 0o666); err != nil {
		return fmt.Errorf("container ID file: %w", err)
	}
	return nil
}

// withImage calls create, and once more after a pull if the image was missing. As
// a rule the image is there, so nobody asks for it beforehand.
func (o *CreateOptions) withImage(ctx context.Context, create func() error) error {
	ref := o.Create.Config.Image
	if o.Pull == pullAlways {
		if err := o.pullImage(ctx, ref, o.flags.Platform, o.Quiet); err != nil {
			return err
		}
		return create()
	}
	err := create()
	if !errdefs.IsNotFound(err) || o.Pull == pullNever {
		return err
	}
	if has, hasErr := o.hasImage(ctx, ref); has || hasErr != nil {
		return err // something else was not found
	}
	fmt.Fprintf(o.IO.Err, "Unable to find image '%s' locally\n", familiar(ref))
	if err := o.pullImage(ctx, ref, o.flags.Platform, o.Quiet); err != nil {
		return err
	}
	return create()
}

// familiar is a reference as users write it, with its tag.
func familiar(ref string) string {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return ref
	}
	return reference.FamiliarString(reference.TagNameOnly(named))
}

// NewCmdCreate makes `create`.
func NewCmdCreate(f *factory.Factory, runF func(context.Context, *CreateOptions) error) *cobra.Command {
	o := newCreateOptions(f)
	if runF == nil {
		runF = runCreate
	}
	cmd := verb("create [OPTIONS] IMAGE [COMMAND] [ARG...]", "Create a new container", flagx.MinArgs(1))
	cmd.Example = "  nerd create --name web -p 8080:80 nginx\n  nerd start web"
	cmd.ValidArgsFunction = complete.First(1, complete.Images(f))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := o.complete(cmd, args); err != nil {
			return flagx.FlagError(cmd, err)
		}
		return runF(cmd.Context(), &o)
	}
	o.register(cmd)
	return cmd
}

func runCreate(ctx context.Context, o *CreateOptions) error {
	if err := checkIDFile(o.Create.HostConfig.ContainerIDFile); err != nil {
		return err
	}
	s, err := o.Service(ctx)
	if err != nil {
		return err
	}
	id, err := o.create(ctx, s)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(o.IO.Out, id)
	return err
}

// create makes the container, pulling its image if need be, and says what is
// amiss with it on stderr.
func (o *CreateOptions) create(ctx context.Context, s Service) (id string, err error) {
	err = o.withImage(ctx, func() error {
		made, err := s.Create(ctx, o.Create)
		if err != nil {
			return err
		}
		id = made.ID
		for _, w := range made.Warnings {
			fmt.Fprintln(o.IO.Err, "WARNING:", w)
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	return id, writeIDFile(o.Create.HostConfig.ContainerIDFile, id)
}
