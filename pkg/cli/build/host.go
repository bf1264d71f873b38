package build

import "github.com/spf13/pflag"

// hostFlag registers the address of a builder that is not nerd's own.
func hostFlag(flags *pflag.FlagSet, p *string) {
	flags.StringVar(p, "buildkit-host", "", "Address of another buildkitd, unix://PATH or tcp://HOST:PORT (default: $BUILDKIT_HOST, then the namespace's builder)")
}
