package ctrd

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/containerd/containerd/v2/contrib/apparmor"
	"github.com/containerd/errdefs"

	"github.com/nerd-cli/nerd/pkg/errs"
)

// AppArmorProfile is the profile of containers that ask for none.
const AppArmorProfile = "nerd-default"

// LoadAppArmorProfile loads the default profile into the kernel unless it is
// there. It needs apparmor_parser.
func LoadAppArmorProfile() error { return apparmor.LoadDefaultProfile(AppArmorProfile) }

// Exit codes of a command that could not be run, as shells and Docker use them.
const (
	codeCannotExecute = 126
	codeNotFound      = 127
)

// runcCauses are the words of runc and of the kernel for a command that cannot
// be run. An OCI runtime reports errors as text and nothing else, so this is the
// one place where text decides.
var runcCauses = []struct {
	text string
	code int
}{
	{"executable file not found in $PATH", codeNotFound},
	{"no such file or directory", codeNotFound},
	{"permission denied", codeCannotExecute},
	{"is a directory", codeCannotExecute},
	{"exec format error", codeCannotExecute},
	{"not a directory", codeCannotExecute},
	{"is not a regular file: operation not permitted", codeCannotExecute}, // crun's word for a directory
}

// commandMarks are where the part of runc's text begins that is about the command
// and its working directory. The command itself is quoted, so it cannot hold one.
// The last ones are crun's.
var commandMarks = []string{"exec: \"", "chdir to cwd", "executable file `", "the path `", "chdir to `", "exec `", "open executable"}

// StartError says in one line why a command did not start. An error of the
// command itself becomes an errs.Start with the shell's exit code; the chain of
// prefixes that shim and runtime put before the cause is dropped.
func StartError(err error, command string) error {
	if err == nil {
		return nil
	}
	text := strings.TrimSuffix(err.Error(), ": "+errdefs.ErrUnknown.Error())
	line := lastLine(text)
	for _, mark := range commandMarks {
		at := strings.Index(line, mark)
		if at < 0 {
			continue
		}
		for _, c := range runcCauses {
			if cause := clean(line[at:]); strings.HasSuffix(strings.ToLower(cause), strings.ToLower(c.text)) {
				return &errs.Start{Code: c.code, Err: errors.New(cause)}
			}
		}
	}
	return fmt.Errorf("cannot start %q: %s", path.Base(command), clean(afterPrefixes(line)))
}

// runcPrefixes are the layers an error passes through on its way here.
var runcPrefixes = []string{
	"failed to create shim task: ", "failed to create task for container: ", "failed to start shim: ", "OCI runtime create failed: ",
	"OCI runtime start failed: ", "OCI runtime exec failed: ", "runc create failed: ", "runc start failed: ", "exec failed: ",
	"unable to start container process: ", "error during container init: ",
}

func afterPrefixes(line string) string {
	for {
		before := line
		for _, p := range runcPrefixes {
			line = strings.TrimPrefix(line, p)
		}
		if line == before {
			return line
		}
	}
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}

// clean drops what containerd appends to an error whose kind it does not know.
func clean(s string) string {
	for _, suffix := range []string{": unknown", ": unknown error"} {
		s = strings.TrimSuffix(s, suffix)
	}
	return s
}
