package build

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/docker/cli/opts"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
)

// aliases is the annotation under which a command lists its full paths.
const aliases = "aliases"

// kubeletNamespace is where a kubelet looks for images.
const kubeletNamespace = "k8s.io"

// NewCmdBuild makes "nerd build". A runner of nil is the companion program.
func NewCmdBuild(f *factory.Factory, r Runner) *cobra.Command {
	o := &Options{Factory: f, Ulimits: opts.NewUlimitOpt(nil)}
	var kubernetes bool
	cmd := &cobra.Command{
		Use:                   "build [OPTIONS] PATH | URL | -",
		Short:                 "Build an image from a Dockerfile",
		Args:                  flagx.ExactArgs(1),
		Annotations:           map[string]string{aliases: "nerd build, nerd builder build, nerd buildx b, nerd buildx build, nerd image build"},
		DisableFlagsInUseLine: true,
		ValidArgsFunction:     complete.First(1, folders),
		Example:               "  nerd build -t app .\n  nerd build -f - . <Dockerfile\n  nerd build --output out --target files .",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Context = args[0]
			if err := errors.Join(flagx.Refused(cmd.Flags(), "build"), o.check(cmd.Flags())); err != nil {
				return err
			}
			if r == nil {
				return runCompanion(f)
			}
			o.warn(cmd.Flags())
			if kubernetes {
				cfg, err := f.Config()
				if err != nil {
					return err
				}
				cfg.Namespace = kubeletNamespace
			}
			return r.Build(cmd.Context(), o)
		},
	}
	o.flags(cmd.Flags(), os.Getenv)
	cmd.Flags().BoolVar(&kubernetes, "for-kubernetes", false, "Build where the kubelet looks for images (namespace k8s.io)")
	_ = cmd.MarkFlagDirname("build-context")
	return cmd
}

// folders has the shell offer folders.
func folders(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

// check refuses values before a builder is started for them.
func (o *Options) check(flags *pflag.FlagSet) error {
	if o.Builder != "" && o.Builder != "default" {
		return fmt.Errorf("no builder %q found: each namespace has one, \"default\"", o.Builder)
	}
	if !slices.Contains([]string{"auto", "quiet", "plain", "tty", "rawjson"}, o.Progress) {
		return fmt.Errorf("invalid progress mode %s", o.Progress)
	}
	if !slices.Contains([]string{"", "build", "check", "lint", "outline", "targets"}, o.Call) {
		return fmt.Errorf("invalid call %q: use build, check, outline or targets", o.Call)
	}
	if o.Quiet && flags.Changed("progress") && o.Progress != "quiet" {
		return fmt.Errorf("progress=%s and quiet cannot be used together", o.Progress)
	}
	if o.Check && flags.Changed("call") && o.Call != "check" {
		return errors.New("--check and --call cannot be used together")
	}
	return nil
}

// warn names the flags that have no effect.
func (o *Options) warn(flags *pflag.FlagSet) {
	for _, name := range Unused {
		if name != "rm" && name != "force-rm" && flags.Changed(name) {
			fmt.Fprintf(o.Factory.IO.Err, "WARNING: --%s has no effect: BuildKit does not know it\n", name)
		}
	}
}

// NewCmdBuilder makes "nerd builder" with its subcommands.
func NewCmdBuilder(f *factory.Factory, r Runner) *cobra.Command {
	return group(f, "builder COMMAND", "Manage builds and their cache", r)
}

// NewCmdBuildx makes "nerd buildx", which has what scripts for Docker call by
// that name.
func NewCmdBuildx(f *factory.Factory, r Runner) *cobra.Command {
	return group(f, "buildx COMMAND", "Build with BuildKit, by Docker's longer name", r)
}

func group(f *factory.Factory, use, short string, r Runner) *cobra.Command {
	cmd := &cobra.Command{
		Use:                   use,
		Short:                 short,
		Args:                  flagx.NoArgs,
		DisableFlagsInUseLine: true,
		RunE:                  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	made := NewCmdBuild(f, r)
	made.Aliases = []string{"b"}
	cmd.AddCommand(made, NewCmdBake(f, r), NewCmdDiskUsage(f, r), NewCmdPrune(f, r), NewCmdRemove(f, nil), NewCmdStop(f, nil))
	cmd.AddCommand(managing(f, r)...)
	return cmd
}
