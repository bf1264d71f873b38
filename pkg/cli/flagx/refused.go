package flagx

import (
	"github.com/spf13/pflag"

	"github.com/nerd-cli/nerd/pkg/cli/compat"
)

// Refused is an error if a flag was given that package compat lists as refused
// by a command: a setting is in force or it is an error, never forgotten.
func Refused(fs *pflag.FlagSet, command string) error {
	for _, e := range compat.RefusedFlags(command) {
		if flag := fs.Lookup(e.Flag); flag != nil && flag.Changed && flag.Value.String() != "false" {
			return Unsupported("--"+e.Flag+" is", e.Instead)
		}
	}
	return nil
}
