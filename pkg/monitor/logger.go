package monitor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"github.com/nerd-cli/nerd/pkg/monitor/wire"
)

// CheckLogger asks nerd-logger whether it can do what remote, its configuration,
// wants. The error is what a user should read: what cannot be reached and why.
func CheckLogger(ctx context.Context, binary string, remote []byte) error {
	cmd := exec.CommandContext(ctx, binary, wire.LoggerCheck)
	cmd.Dir = "/"
	cmd.Env = []string{}
	cmd.Stdin = bytes.NewReader(remote)
	var said bytes.Buffer
	cmd.Stderr = &said
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && said.Len() > 0 {
		return errors.New(strings.TrimSpace(said.String()))
	}
	if err != nil {
		return fmt.Errorf("run %s: %w", binary, err)
	}
	return nil
}
