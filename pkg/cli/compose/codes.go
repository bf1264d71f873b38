package compose

import (
	"context"
	"errors"

	"github.com/nerd-cli/nerd/pkg/errs"
)

// Exit codes of Docker Compose, by what has failed.
const (
	codeBuild = 17
	codePull  = 18
)

// withCode gives an error its exit code. An interruption has its own.
func withCode(code int, err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	return &errs.Exit{Code: code, Err: err}
}
