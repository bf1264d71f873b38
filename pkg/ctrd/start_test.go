package ctrd

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/containerd/errdefs"

	"github.com/nerd-cli/nerd/pkg/errs"
)

// Errors as they arrive: containerd's prefixes and runc's own text, of runc 1.1
// (what Docker 26 has) and 1.5. A code of 0 is an error that is not the command's.
func TestStartError(t *testing.T) {
	const (
		shim    = "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: "
		initErr = shim + "error during container init: "
		exec    = "OCI runtime exec failed: exec failed: unable to start container process: "
	)
	for _, c := range []struct {
		name, text string
		code       int
		want       string
	}{
		{"not in PATH", shim + `exec: "nosuch": executable file not found in $PATH: unknown`, 127, `exec: "nosuch": executable file not found in $PATH`},
		{"not in PATH, new runc", initErr + `exec: "nosuch": executable file not found in $PATH`, 127, `exec: "nosuch": executable file not found in $PATH`},
		{"no such file", initErr + `exec: "/nosuch": stat /nosuch: no such file or directory: unknown`, 127, `exec: "/nosuch": stat /nosuch: no such file or directory`},
		{"empty", initErr + `exec: "": executable file not found in $PATH: unknown`, 127, `exec: "": executable file not found in $PATH`},
		{"not executable", initErr + `exec: "/f": permission denied: unknown`, 126, `exec: "/f": permission denied`},
		{"a folder", initErr + `exec: "/d": is a directory: unknown`, 126, `exec: "/d": is a directory`},
		{"a folder, old runc", shim + `exec: "/etc": permission denied: unknown`, 126, `exec: "/etc": permission denied`},
		{"below a file", initErr + `exec: "/f/x": stat /f/x: not a directory: unknown`, 126, `exec: "/f/x": stat /f/x: not a directory`},
		{"wrong format", initErr + `exec: "/g": exec format error: unknown`, 126, `exec: "/g": exec format error`},
		{"a quote in the name", initErr + `exec: "a\"b": executable file not found in $PATH: unknown`, 127, `exec: "a\"b": executable file not found in $PATH`},
		{
			"a name like the mark", initErr + `exec: "x exec: \"/f\": permission denied": executable file not found in $PATH`, 127,
			`exec: "x exec: \"/f\": permission denied": executable file not found in $PATH`,
		},
		{"exec not in PATH", exec + `exec: "nosuch": executable file not found in $PATH: unknown`, 127, `exec: "nosuch": executable file not found in $PATH`},
		{
			"no working directory", exec + `chdir to cwd ("/nodir") set in config.json failed: no such file or directory: unknown`, 127,
			`chdir to cwd ("/nodir") set in config.json failed: no such file or directory`,
		},
		{
			"working directory is a file", exec + `chdir to cwd ("/c") set in config.json failed: not a directory: unknown`, 126,
			`chdir to cwd ("/c") set in config.json failed: not a directory`,
		},
		{
			"closed working directory", initErr + `chdir to cwd ("/p") set in config.json failed: permission denied: unknown`, 126,
			`chdir to cwd ("/p") set in config.json failed: permission denied`,
		},
		{"working directory over a file", initErr + `mkdir /f: not a directory: unknown`, 0, `cannot start "sh": mkdir /f: not a directory`},
		{
			"mount", initErr + `error mounting "/src" to rootfs at "/x": mount /src:/x (via /proc/self/fd/6), flags: 0x5000: not a directory: unknown`, 0,
			`cannot start "sh": error mounting "/src" to rootfs at "/x": mount /src:/x (via /proc/self/fd/6), flags: 0x5000: not a directory`,
		},
		{"sysctl", initErr + `write /proc/sys/kernel/shmmax: invalid argument: unknown`, 0, `cannot start "sh": write /proc/sys/kernel/shmmax: invalid argument`},
		{
			"rlimit", initErr + `error setting rlimits for ready process: error setting rlimit type 7: operation not permitted: unknown`, 0,
			`cannot start "sh": error setting rlimits for ready process: error setting rlimit type 7: operation not permitted`,
		},
		{
			"no runc", `failed to start shim: start failed: io.containerd.runc.v2: open /x: no such file or directory`, 0,
			`cannot start "sh": start failed: io.containerd.runc.v2: open /x: no such file or directory`,
		},
		{
			"several lines", "some log of runc\n" + initErr + `exec: "x": executable file not found in $PATH: unknown` + "\n", 127,
			`exec: "x": executable file not found in $PATH`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, in := range []error{errors.New(c.text), fmt.Errorf("%s: %w", strings.TrimSuffix(c.text, ": unknown"), errdefs.ErrUnknown)} {
				err := StartError(in, "/bin/sh")
				if err.Error() != c.want {
					t.Errorf("text\n got %s\nwant %s", err, c.want)
				}
				if code := errs.Code(err, 0); code != c.code {
					t.Errorf("code is %d, want %d", code, c.code)
				}
			}
		})
	}
	if err := StartError(nil, "sh"); err != nil {
		t.Errorf("no error became %v", err)
	}
}

func FuzzStartError(f *testing.F) {
	f.Add("runc create failed: exec: \"x\": permission denied")
	f.Add("\n\nchdir to cwd")
	f.Add("exec: \"")
	f.Fuzz(func(t *testing.T, text string) {
		err := StartError(errors.New(text), "sh")
		if err == nil {
			t.Fatal("an error was lost")
		}
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("%q became several lines: %q", text, err)
		}
		if code := errs.Code(err, 0); code != 0 && code != 126 && code != 127 {
			t.Errorf("%q has the code %d", text, code)
		}
	})
}
