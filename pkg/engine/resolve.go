package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/nerd-cli/nerd/pkg/errs"
	"github.com/nerd-cli/nerd/pkg/state"
)

// Resolve decides which containerd to talk to: the explicit address if there is
// one, else the system's containerd if it listens, else the managed engine,
// which is started if need be. managed tells that it is the latter. As long as
// the one that is chosen runs, this costs a connect(2) or two and no request.
func Resolve(ctx context.Context, explicit string, l state.Layout) (address string, managed bool, err error) {
	return resolve(ctx, strings.TrimPrefix(explicit, "unix://"), SystemSocket, Options{Layout: l})
}

// Listening tells whether the containerd that Resolve would decide for is there
// already. It starts none.
func Listening(ctx context.Context, explicit string, l state.Layout) bool {
	if explicit = strings.TrimPrefix(explicit, "unix://"); explicit != "" {
		return listening(ctx, explicit) == nil
	}
	return listening(ctx, SystemSocket) == nil || listening(ctx, Socket(l)) == nil
}

func resolve(ctx context.Context, explicit, system string, opts Options) (string, bool, error) {
	own := Socket(opts.Layout)
	if explicit != "" && explicit != own {
		if err := listening(ctx, explicit); err != nil {
			err = fmt.Errorf("no containerd answers on %s: %w", explicit, cause(err))
			return "", false, errs.WithHint(err, "start it, or give no address to use the one that nerd finds or runs itself")
		}
		return explicit, false, nil
	}
	if explicit == "" {
		switch err := listening(ctx, system); {
		case err == nil:
			return system, false, nil
		case errors.Is(err, fs.ErrPermission):
			return "", false, errs.WithHint(fmt.Errorf("containerd's socket %s: %w", system, cause(err)), "run nerd as root, for instance with sudo")
		}
	}
	if listening(ctx, own) == nil {
		return own, true, nil
	}
	if err := Installed(opts.Layout); err != nil {
		return "", false, errs.WithHint(fmt.Errorf("no containerd is running: nothing listens on %s, and %w", system, err), "or start the system's containerd")
	}
	if err := opts.ensure(ctx, containerd(opts.Layout)); err != nil {
		return "", false, err
	}
	return own, true, nil
}

// cause leaves out of a dial error what the message says already.
func cause(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}
