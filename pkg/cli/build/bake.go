package build

import (
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
)

// BakeOptions are the inputs of "nerd buildx bake", as they were typed.
type BakeOptions struct {
	Factory *factory.Factory

	Targets                    []string
	Files, Set, Vars, Allow    []string
	Builder, Call, Host, List  string
	MetadataFile, Progress     string
	Provenance, SBOM           string
	Check, Load, Push, Print   bool
	NoCache, Pull              bool
	NoCacheGiven, PullGiven    bool
	listTargets, listVariables bool
	policy                     []string
}

// NewCmdBake makes "nerd buildx bake".
func NewCmdBake(f *factory.Factory, r Runner) *cobra.Command {
	o := &BakeOptions{Factory: f}
	cmd := &cobra.Command{
		Use:                   "bake [OPTIONS] [TARGET...]",
		Aliases:               []string{"f"},
		Short:                 "Build from a file",
		Annotations:           map[string]string{aliases: "nerd bake, nerd builder bake, nerd buildx bake, nerd buildx f"},
		DisableFlagsInUseLine: true,
		Args:                  cobra.ArbitraryArgs,
		ValidArgsFunction:     cobra.NoFileCompletions, // targets are in a file that only the companion reads
		Example:               "  nerd buildx bake\n  nerd buildx bake --print release\n  nerd buildx bake --set '*.args.VERSION=1.2' app",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Targets = args
			if err := o.settle(cmd.Flags()); err != nil {
				return err
			}
			if r == nil {
				return runCompanion(f)
			}
			return r.Bake(cmd.Context(), o)
		},
	}
	o.flags(cmd.Flags(), os.Getenv)
	return cmd
}

func (o *BakeOptions) flags(flags *pflag.FlagSet, env func(string) string) {
	list := func(p *[]string, name, usage string) { flags.StringArrayVar(p, name, nil, usage) }
	list(&o.Allow, "allow", `Allow build to access specified resources (e.g., "network.host", "fs.read=path")`)
	flags.StringVar(&o.Builder, "builder", "", `Name of the builder: the only one is "default"`)
	hostFlag(flags, &o.Host)
	flags.StringVar(&o.Call, "call", "build", `Set method for evaluating build ("check", "outline", "targets")`)
	flags.BoolVar(&o.Check, "check", false, `Shorthand for "--call=check"`)
	flags.StringArrayVarP(&o.Files, "file", "f", nil, "Build definition file")
	flags.StringVar(&o.List, "list", "", `List targets or variables ("targets", "variables", "type=targets,format=json")`)
	flags.BoolVar(&o.listTargets, "list-targets", false, "List available targets")
	flags.BoolVar(&o.listVariables, "list-variables", false, "List defined variables")
	flags.BoolVar(&o.Load, "load", false, `Shorthand for "--set=*.output=type=docker"`)
	flags.StringVar(&o.MetadataFile, "metadata-file", "", "Write build result metadata to a file")
	flags.BoolVar(&o.NoCache, "no-cache", false, "Do not use cache when building the image")
	list(&o.policy, "policy", "Policy of buildx, an experiment: refused")
	flags.BoolVar(&o.Print, "print", false, "Print the options without building")
	flags.StringVar(&o.Progress, "progress", progress(env), `Set type of progress output ("auto", "quiet", "plain", "tty", "rawjson")`)
	flags.StringVar(&o.Provenance, "provenance", "", `Shorthand for "--set=*.attest=type=provenance"`)
	flags.BoolVar(&o.Pull, "pull", false, "Always attempt to pull all referenced images")
	flags.BoolVar(&o.Push, "push", false, `Shorthand for "--set=*.output=type=registry"`)
	flags.StringVar(&o.SBOM, "sbom", "", `Shorthand for "--set=*.attest=type=sbom"`)
	list(&o.Set, "set", `Override target value (e.g., "targetpattern.key=value")`)
	list(&o.Vars, "var", `Set a variable value (e.g., "name=value")`)
	for _, name := range []string{"list-targets", "list-variables", "policy"} {
		flags.Lookup(name).Hidden = true
	}
}

// settle brings spellings of one thing together, and refuses what cannot be.
func (o *BakeOptions) settle(flags *pflag.FlagSet) error {
	if err := flagx.Refused(flags, "buildx bake"); err != nil {
		return err
	}
	o.NoCacheGiven, o.PullGiven = flags.Changed("no-cache"), flags.Changed("pull")
	switch {
	case o.List == "" && o.listTargets:
		o.List = "targets"
	case o.List == "" && o.listVariables:
		o.List = "variables"
	}
	if o.Check {
		if flags.Changed("call") && o.Call != "check" {
			return fmt.Errorf("--check and --call cannot be used together")
		}
		o.Call = "check"
	}
	if !slices.Contains([]string{"build", "check", "lint", "outline", "targets"}, o.Call) {
		return fmt.Errorf("invalid call %q: use build, check, outline or targets", o.Call)
	}
	if !slices.Contains([]string{"auto", "quiet", "plain", "tty", "rawjson"}, o.Progress) {
		return fmt.Errorf("invalid progress mode %s", o.Progress)
	}
	if o.Builder != "" && o.Builder != "default" {
		return fmt.Errorf("no builder %q found: each namespace has one, \"default\"", o.Builder)
	}
	return nil
}
