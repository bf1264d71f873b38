package container

import (
	"context"
	"errors"
	"time"
)

// undoTimeout bounds how long a failed operation cleans up after itself.
const undoTimeout = 20 * time.Second

// undo is what has to be taken back when an operation fails: last in, first out,
// with a context that the cause of the failure does not cancel.
type undo struct{ steps []func(context.Context) error }

func (u *undo) push(fn func(context.Context) error) { u.steps = append(u.steps, fn) }

// run takes everything back if *err is set, and adds what went wrong with that.
func (u *undo) run(ctx context.Context, err *error) {
	if *err == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	for i := len(u.steps) - 1; i >= 0; i-- {
		if e := u.steps[i](ctx); e != nil {
			*err = errors.Join(*err, e)
		}
	}
}
