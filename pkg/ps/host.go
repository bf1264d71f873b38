package ps

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"

	"github.com/nerd-cli/nerd/pkg/errs"
)

// hostTable runs the machine's ps.
func hostTable(ctx context.Context, args []string, pids []int) (titles []string, rows [][]string, err error) {
	path, err := exec.LookPath("ps")
	if err != nil {
		return nil, nil, errs.WithHint(fmt.Errorf("ps %s: there is no ps on this machine", strings.Join(args, " ")),
			"install the package procps, or use the default, aux or -o with common columns, which need none")
	}
	if err := checkOptions(args); err != nil {
		return nil, nil, err
	}
	list := make([]string, len(pids))
	for i, pid := range pids {
		list[i] = strconv.Itoa(pid)
	}
	out, err := run(ctx, path, append(append([]string{}, args...), "-q"+strings.Join(list, ",")))
	if err != nil { // some options, such as f, do not go together with -q
		out, err = run(ctx, path, args)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("ps: %w", err)
	}
	return parse(out, pids)
}

func run(ctx context.Context, path string, args []string) (string, error) {
	out, err := exec.CommandContext(ctx, path, args...).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if line, _, _ := bytes.Cut(exit.Stderr, []byte{'\n'}); len(line) > 0 {
			err = errors.New(string(line))
		}
	}
	return string(out), err
}

// checkOptions refuses another column with the title PID: processes would be
// picked by it.
func checkOptions(args []string) error {
	for _, arg := range args {
		for part := range strings.SplitSeq(arg, ",") {
			name, title, ok := strings.Cut(part, "=")
			if ok && strings.HasPrefix(strings.TrimSpace(title), "PID") && strings.TrimLeft(name, "-eo") != "pid" {
				return fmt.Errorf("specifying \"%s=%s\" is not allowed", name, title)
			}
		}
	}
	return nil
}
