// Package build holds the commands that build images. What they do takes a
// library that would slow the start of every command, so it is linked into a
// program of its own, nerd-build, which is run in place of this one.
package build

import (
	"context"

	"github.com/docker/cli/opts"
	"github.com/spf13/pflag"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
)

// Runner does what the commands say.
type Runner interface {
	Build(ctx context.Context, o *Options) error
	Bake(ctx context.Context, o *BakeOptions) error
	Prune(ctx context.Context, o *PruneOptions) error
	DiskUsage(ctx context.Context, o *UsageOptions) error
	Show(ctx context.Context, o *ShowOptions) error
}

// Options are the inputs of "nerd build", as they were typed.
type Options struct {
	Factory *factory.Factory

	Context string

	AddHosts, Allow, Annotations, Attest, BuildArgs, Contexts []string
	CacheFrom, CacheTo, Labels, NoCacheFilter, Outputs        []string
	Platforms, Secrets, SSH, Tags                             []string

	Builder, Call, CgroupParent, File, Host, IIDFile, MetadataFile string
	Network, Progress, Provenance, SBOM, Target                    string

	Check, Load, NoCache, Pull, Push, Quiet bool

	ShmSize opts.MemBytes
	Ulimits *opts.UlimitOpt

	unused unused
}

// unused are flags of Docker's older builder, which BuildKit has no use for.
type unused struct {
	compress, forceRemove, remove, squash       bool
	isolation, memory, memorySwap               string
	cpuPeriod, cpuQuota, cpuShares, cpus, nodes string
	securityOpt                                 []string
}

func (o *Options) flags(flags *pflag.FlagSet, env func(string) string) {
	list := func(p *[]string, name, short, usage string) { flags.StringArrayVarP(p, name, short, nil, usage) }
	flags.StringSliceVar(&o.AddHosts, "add-host", nil, `Add a custom host-to-IP mapping (format: "host:ip")`)
	list(&o.Allow, "allow", "", `Allow extra privileged entitlement (e.g., "network.host")`)
	list(&o.Annotations, "annotation", "", "Add annotation to the image")
	list(&o.Attest, "attest", "", `Attestation parameters (format: "type=sbom,generator=image")`)
	list(&o.BuildArgs, "build-arg", "", "Set build-time variables")
	list(&o.Contexts, "build-context", "", "Additional build contexts (e.g., name=path)")
	list(&o.CacheFrom, "cache-from", "", `External cache sources (e.g., "user/app:cache", "type=local,src=path/to/dir")`)
	list(&o.CacheTo, "cache-to", "", `Cache export destinations (e.g., "user/app:cache", "type=local,dest=path/to/dir")`)
	flags.StringVar(&o.Builder, "builder", "", "Name of the builder: the only one is \"default\"")
	hostFlag(flags, &o.Host)
	flags.StringVar(&o.Call, "call", "build", `Set method for evaluating build ("check", "outline", "targets")`)
	flags.StringVar(&o.CgroupParent, "cgroup-parent", "", `Set the parent cgroup for the "RUN" instructions during build`)
	flags.BoolVar(&o.Check, "check", false, `Shorthand for "--call=check"`)
	flags.StringVarP(&o.File, "file", "f", "", `Name of the Dockerfile (default: "PATH/Dockerfile")`)
	flags.StringVar(&o.IIDFile, "iidfile", "", "Write the image ID to a file")
	list(&o.Labels, "label", "", "Set metadata for an image")
	flags.BoolVar(&o.Load, "load", false, `Shorthand for "--output=type=docker"`)
	flags.StringVar(&o.MetadataFile, "metadata-file", "", "Write build result metadata to a file")
	flags.StringVar(&o.Network, "network", "default", `Set the networking mode for the "RUN" instructions during build`)
	flags.BoolVar(&o.NoCache, "no-cache", false, "Do not use cache when building the image")
	list(&o.NoCacheFilter, "no-cache-filter", "", "Do not cache specified stages")
	list(&o.Outputs, "output", "o", `Output destination (format: "type=local,dest=path")`)
	flags.StringArrayVar(&o.Platforms, "platform", platforms(env), "Set target platform for build")
	flags.StringVar(&o.Progress, "progress", progress(env), `Set type of progress output ("auto", "quiet", "plain", "tty", "rawjson")`)
	flags.StringVar(&o.Provenance, "provenance", "", `Shorthand for "--attest=type=provenance"`)
	flags.BoolVar(&o.Pull, "pull", false, "Always attempt to pull all referenced images")
	flags.BoolVar(&o.Push, "push", false, `Shorthand for "--output=type=registry"`)
	flags.BoolVarP(&o.Quiet, "quiet", "q", false, "Suppress the build output and print image ID on success")
	flags.StringVar(&o.SBOM, "sbom", "", `Shorthand for "--attest=type=sbom"`)
	list(&o.Secrets, "secret", "", `Secret to expose to the build (format: "id=mysecret[,src=/local/secret]")`)
	flags.Var(&o.ShmSize, "shm-size", `Shared memory size for build containers`)
	list(&o.SSH, "ssh", "", `SSH agent socket or keys to expose to the build (format: "default|<id>[=<socket>|<key>[,<key>]]")`)
	list(&o.Tags, "tag", "t", `Image identifier (format: "[registry/]repository[:tag]")`)
	flags.StringVar(&o.Target, "target", "", "Set the target build stage to build")
	flags.Var(o.Ulimits, "ulimit", "Ulimit options")
	o.hidden(flags)
}

// hidden registers what Docker hides: without effect, and said so.
func (o *Options) hidden(flags *pflag.FlagSet) {
	u := &o.unused
	flags.BoolVar(&u.compress, "compress", false, "Compress the build context using gzip")
	flags.BoolVar(&u.forceRemove, "force-rm", false, "Always remove intermediate containers")
	flags.BoolVar(&u.remove, "rm", true, "Remove intermediate containers after a successful build")
	flags.BoolVar(&u.squash, "squash", false, "Squash newly built layers into a single new layer")
	flags.StringVar(&u.isolation, "isolation", "", "Container isolation technology")
	flags.StringVarP(&u.memory, "memory", "m", "", "Memory limit")
	flags.StringVar(&u.memorySwap, "memory-swap", "", "Swap limit")
	flags.StringVar(&u.cpuPeriod, "cpu-period", "", "CPU CFS period")
	flags.StringVar(&u.cpuQuota, "cpu-quota", "", "CPU CFS quota")
	flags.StringVarP(&u.cpuShares, "cpu-shares", "c", "", "CPU shares")
	flags.StringVar(&u.cpus, "cpuset-cpus", "", "CPUs in which to allow execution")
	flags.StringVar(&u.nodes, "cpuset-mems", "", "Memory nodes in which to allow execution")
	flags.StringSliceVar(&u.securityOpt, "security-opt", nil, "Security options")
	flags.StringVar(&o.Call, "print", "build", "Older name of --call")
	flags.StringArray("policy", nil, "Policy of the sources of the build")
	flags.StringArray("resource", nil, "Limits of the resources of the build")
	flags.Bool("disable-content-trust", true, "Skip image verification (deprecated)")
	for _, name := range append([]string{"disable-content-trust", "print", "policy", "resource"}, Unused...) {
		_ = flags.MarkHidden(name)
	}
}

// Unused are the flags that the builder has no use for. They draw a warning, as
// with Docker.
var Unused = []string{
	"compress", "force-rm", "rm", "squash", "isolation", "memory", "memory-swap", "cpu-period", "cpu-quota",
	"cpu-shares", "cpuset-cpus", "cpuset-mems", "security-opt",
}

func platforms(env func(string) string) []string {
	if p := env("DOCKER_DEFAULT_PLATFORM"); p != "" {
		return []string{p}
	}
	return nil
}

func progress(env func(string) string) string {
	if p := env("BUILDKIT_PROGRESS"); p != "" {
		return p
	}
	return "auto"
}
