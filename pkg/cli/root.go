package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nerd-cli/nerd/pkg/cli/build"
	"github.com/nerd-cli/nerd/pkg/cli/checkpoint"
	"github.com/nerd-cli/nerd/pkg/cli/complete"
	configcmd "github.com/nerd-cli/nerd/pkg/cli/config"
	"github.com/nerd-cli/nerd/pkg/cli/container"
	contextcmd "github.com/nerd-cli/nerd/pkg/cli/context"
	"github.com/nerd-cli/nerd/pkg/cli/doctor"
	"github.com/nerd-cli/nerd/pkg/cli/engine"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/cli/image"
	"github.com/nerd-cli/nerd/pkg/cli/manifest"
	"github.com/nerd-cli/nerd/pkg/cli/namespace"
	"github.com/nerd-cli/nerd/pkg/cli/network"
	"github.com/nerd-cli/nerd/pkg/cli/registry"
	"github.com/nerd-cli/nerd/pkg/cli/system"
	"github.com/nerd-cli/nerd/pkg/cli/volume"
	"github.com/nerd-cli/nerd/pkg/config"
	"github.com/nerd-cli/nerd/pkg/contexts"
)

// globalFlags are the flags that every command has.
type globalFlags struct {
	address, host, context, namespace, dataRoot, runRoot, snapshotter, logLevel, dockerConfig string
	debug, forceForeign, insecureRegistry                                                     bool
	hostsDirs                                                                                 []string
	given                                                                                     map[string]bool
}

// values are the flags that were given.
func (g *globalFlags) values() config.Flags {
	var out config.Flags
	pick := func(name string, value *string) *string {
		if g.given[name] {
			return value
		}
		return nil
	}
	out.Address = pick("address", &g.address)
	if out.Address == nil {
		out.Address = pick("host", &g.host)
	}
	out.Context = pick("context", &g.context)
	out.Namespace = pick("namespace", &g.namespace)
	out.DataRoot = pick("data-root", &g.dataRoot)
	out.RunRoot = pick("run-root", &g.runRoot)
	out.Snapshotter = pick("snapshotter", &g.snapshotter)
	out.LogLevel = pick("log-level", &g.logLevel)
	out.DockerConfig = pick("config", &g.dockerConfig)
	if g.given["debug"] {
		out.Debug = &g.debug
	}
	if g.given["force-foreign"] {
		out.ForceForeign = &g.forceForeign
	}
	out.HostsDirs, out.InsecureRegistry = g.hostsDirs, g.insecureRegistry
	return out
}

// hostAddress is a unix socket, or a machine that is reached over SSH.
type hostAddress struct{ value *string }

func (h hostAddress) String() string { return *h.value }
func (hostAddress) Type() string     { return "string" }
func (h hostAddress) Set(v string) error {
	if strings.Contains(v, "://") {
		var err error
		if v, err = contexts.CheckHost(v); err != nil {
			return err
		}
	}
	*h.value = v
	return nil
}

// noTLS refuses Docker's flags for an engine behind TCP. Their off is accepted.
type noTLS struct{}

func (noTLS) String() string { return "" }
func (noTLS) Type() string   { return "string" }
func (noTLS) Set(v string) error {
	if v == "false" {
		return nil
	}
	return errors.New("there is no TLS between nerd and containerd: use a context or --host with ssh://[USER@]HOST")
}

// recorded notes that a flag was given, wherever on the command line: a global
// flag may stand before the command or after it, in different flag sets.
type recorded struct {
	pflag.Value
	name string
	g    *globalFlags
}

func (r recorded) Set(v string) error {
	if err := r.Value.Set(v); err != nil {
		return err
	}
	r.g.given[r.name] = true
	return nil
}

// add registers a global flag: with its shorthand before the command, without
// it after, where commands have shorthands of their own (`ps -n`, `run -a`).
func (g *globalFlags) add(root *cobra.Command, value pflag.Value, name, short, usage, noOpt string) {
	value = recorded{Value: value, name: name, g: g}
	for flags, short := range map[*pflag.FlagSet]string{root.Flags(): short, root.PersistentFlags(): ""} {
		flags.VarPF(value, name, short, usage).NoOptDefVal = noOpt
	}
}

func (g *globalFlags) register(root *cobra.Command) {
	g.given = map[string]bool{}
	var scratch pflag.FlagSet
	text := func(p *string, name, short, usage string) {
		scratch.StringVar(p, name, "", usage)
		g.add(root, scratch.Lookup(name).Value, name, short, usage, "")
	}
	g.add(root, hostAddress{&g.address}, "address", "a", "Path of containerd's socket, or ssh://[USER@]HOST[:PORT]", "")
	g.add(root, hostAddress{&g.host}, "host", "H", "Another name of --address", "")
	text(&g.context, "context", "c", "Name of the context to use")
	text(&g.dockerConfig, "config", "", "Folder of Docker's config.json")
	text(&g.namespace, "namespace", "n", "Namespace of containerd to work in")
	text(&g.dataRoot, "data-root", "", "Folder of what is kept over a reboot")
	text(&g.runRoot, "run-root", "", "Folder of what is kept until a reboot")
	text(&g.snapshotter, "snapshotter", "", "Snapshotter of containerd for images and containers")
	text(&g.logLevel, "log-level", "l", `Logging level ("debug", "info", "warn", "error", "fatal")`)
	scratch.BoolVar(&g.debug, "debug", false, "")
	g.add(root, scratch.Lookup("debug").Value, "debug", "D", "Print what the libraries log", "true")
	scratch.BoolVar(&g.forceForeign, "force-foreign", false, "")
	g.add(root, scratch.Lookup("force-foreign").Value, "force-foreign", "", "Change containers that other tools, such as a kubelet, made", "true")
	scratch.StringSliceVar(&g.hostsDirs, "hosts-dir", nil, "")
	g.add(root, scratch.Lookup("hosts-dir").Value, "hosts-dir", "", "Folders with a hosts.toml for each registry", "")
	scratch.BoolVar(&g.insecureRegistry, "insecure-registry", false, "")
	g.add(root, scratch.Lookup("insecure-registry").Value, "insecure-registry", "", "Do not verify registries' certificates, and fall back to plain HTTP", "true")
	for _, name := range []string{"tls", "tlscacert", "tlscert", "tlskey", "tlsverify"} {
		noOpt := ""
		if name == "tls" || name == "tlsverify" {
			noOpt = "true"
		}
		flag := root.Flags().VarPF(noTLS{}, name, "", "Refused: nothing here speaks TLS")
		flag.NoOptDefVal, flag.Hidden = noOpt, true
	}
}

// NewCmdRoot makes the whole tree of commands. Without a builder, those that build
// go on as the program that has it.
func NewCmdRoot(f *factory.Factory, globals *globalFlags, builder build.Runner) *cobra.Command {
	var version bool
	cobra.EnableCommandSorting = false
	root := &cobra.Command{
		Use:                   "nerd [OPTIONS] COMMAND",
		Short:                 "Docker-compatible containers on containerd",
		SilenceErrors:         true,
		SilenceUsage:          true,
		TraverseChildren:      true,
		DisableFlagsInUseLine: true,
		Args:                  flagx.NoArgs,
		CompletionOptions:     cobra.CompletionOptions{HiddenDefaultCmd: true},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if version {
				_, err := fmt.Fprintf(f.IO.Out, "nerd version %s, build %s\n", config.Version, config.Commit())
				return err
			}
			return cmd.Help()
		},
		PersistentPreRunE: func(cmd *cobra.Command, args []string) error { return forward(f, cmd, args) },
	}
	root.SetIn(f.IO.In)
	root.SetOut(f.IO.Out)
	root.SetErr(f.IO.Err)
	root.SetFlagErrorFunc(flagx.FlagError)
	setHelp(root, f.IO)
	root.Flags().BoolVarP(&version, "version", "v", false, "Print the version")
	root.PersistentFlags().BoolP("help", "h", false, "Print this help")
	root.PersistentFlags().Lookup("help").Hidden = true
	globals.register(root)
	addCommands(root, f, builder)
	return root
}

// Groups of commands in the help of the root, by id.
const (
	groupCommon     = "common"
	groupManagement = "management"
	groupCommands   = "commands"
)

// common are the commands shown first.
var common = []string{
	"run", "exec", "ps", "build", "pull", "push", "images", "login", "logout", "search", "version", "info",
}

func addCommands(root *cobra.Command, f *factory.Factory, builder build.Runner) {
	root.AddGroup(
		&cobra.Group{ID: groupCommon, Title: "Common Commands:"},
		&cobra.Group{ID: groupManagement, Title: "Management Commands:"},
		&cobra.Group{ID: groupCommands, Title: "Commands:"},
	)
	for _, cmd := range shortcuts(f, builder) {
		cmd.GroupID = groupCommands
		if slices.Contains(common, cmd.Name()) {
			cmd.GroupID = groupCommon
		}
		root.AddCommand(cmd)
	}
	for _, cmd := range management(f, builder) {
		cmd.GroupID = groupManagement
		root.AddCommand(cmd)
	}
	root.AddCommand(system.NewCmdInternal(f))
	completeNothing(root)
}

// completeNothing keeps the shell from offering files to commands that take no
// arguments.
func completeNothing(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		completeNothing(sub)
	}
	if _, operands, _ := strings.Cut(strings.TrimSuffix(cmd.Use, " [OPTIONS]"), " "); operands == "" && cmd.ValidArgsFunction == nil {
		cmd.ValidArgsFunction = complete.None
	}
}

// shortcuts are the commands that Docker has at the top as well as in a group.
func shortcuts(f *factory.Factory, builder build.Runner) []*cobra.Command {
	return slices.Concat([]*cobra.Command{build.NewCmdBuild(f, builder), build.NewCmdBake(f, builder)}, container.Shortcuts(f), image.Shortcuts(f), registry.Shortcuts(f), system.Shortcuts(f))
}

// management are the groups of commands, one per kind of object.
func management(f *factory.Factory, builder build.Runner) []*cobra.Command {
	images := image.NewCmdImage(f)
	images.AddCommand(build.NewCmdBuild(f, builder))
	return []*cobra.Command{
		build.NewCmdBuilder(f, builder), build.NewCmdBuildx(f, builder), NewCmdCompose(f),
		checkpoint.NewCmdCheckpoint(f), configcmd.NewCmdConfig(f), contextcmd.NewCmdContext(f), doctor.NewCmdDoctor(f, nil), container.NewCmdContainer(f), engine.NewCmdEngine(f), images, manifest.NewCmdManifest(f), network.NewCmdNetwork(f), registry.NewCmdRegistry(f), namespace.NewCmdNamespace(f), system.NewCmdSystem(f), volume.NewCmdVolume(f),
	}
}
