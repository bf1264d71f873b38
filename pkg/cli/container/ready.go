package container

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/container"
	"github.com/nerd-cli/nerd/pkg/errs"
)

// waitAuto is the value of --wait where none is given: healthy if the container
// has a health check, else running.
const waitAuto = "auto"

// ReadyOptions say what a detached container is waited for.
type ReadyOptions struct {
	Condition string        // auto, running or healthy; empty: it is not waited for
	Timeout   time.Duration // 0: no limit
}

func (o *ReadyOptions) register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&o.Condition, "wait", "", `With --detach, return once it is "running" or "healthy"; without a value: healthy if it has a health check`)
	fs.Lookup("wait").NoOptDefVal = waitAuto
	fs.DurationVar(&o.Timeout, "wait-timeout", 0, "Time that --wait may take; the container goes on when it is over")
	_ = cmd.RegisterFlagCompletionFunc("wait", complete.Words(string(container.WaitRunning), string(container.WaitHealthy)))
}

// check refuses what cannot be meant.
func (o *ReadyOptions) check(detached bool) error {
	switch container.WaitCondition(o.Condition) {
	case "":
		if o.Timeout != 0 {
			return errors.New("--wait-timeout is for --wait: give that, too")
		}
		return nil
	case waitAuto, container.WaitRunning, container.WaitHealthy:
	default:
		return fmt.Errorf("invalid value %q for --wait: use running or healthy", o.Condition)
	}
	switch {
	case !detached:
		return errors.New("--wait is for containers in the background: give --detach, too")
	case o.Timeout < 0:
		return fmt.Errorf("invalid value %s for --wait-timeout: it cannot be negative", o.Timeout)
	}
	return nil
}

// await waits for a container that has been started. A failure leaves it as it is.
func (o *ReadyOptions) await(ctx context.Context, s Service, id string) error {
	if o.Condition == "" {
		return nil
	}
	cond := container.WaitCondition(o.Condition)
	if cond == waitAuto {
		checked, err := s.HasHealthcheck(ctx, id)
		if err != nil {
			return err
		}
		cond = container.WaitRunning
		if checked {
			cond = container.WaitHealthy
		}
	}
	limited := ctx
	if o.Timeout > 0 {
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeout(ctx, o.Timeout)
		defer cancel()
	}
	err := s.WaitFor(limited, id, cond)
	late := limited.Err() != nil || errors.Is(err, context.DeadlineExceeded) // a call can end a little before its context
	if err != nil && late && ctx.Err() == nil {
		err = fmt.Errorf("container %.12s is not %s after %s; it goes on", id, cond, o.Timeout)
	}
	if err != nil && ctx.Err() == nil {
		return &errs.Exit{Code: exitOwnFailure, Err: err}
	}
	return err
}
