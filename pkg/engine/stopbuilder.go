package engine

import (
	"context"
	"fmt"

	"github.com/nerd-cli/nerd/pkg/state"
)

// StopBuilder stops the buildkitd of the layout's namespace in the containerd at
// address, and tells whether there was one. What it has cached stays.
func StopBuilder(ctx context.Context, l state.Layout, address string) (bool, error) {
	d := buildkitd(l, address)
	lock, err := state.AcquireLock(ctx, lockFile(l))
	if err != nil {
		return false, diskError(err, l.EngineRun())
	}
	defer func() { _ = lock.Release() }() // nothing was written through it
	p, ok := d.find()
	if ok {
		if err := stop(ctx, p, stopPatience); err != nil {
			return false, fmt.Errorf("stopping %s: %w", d.name, err)
		}
	}
	return ok, removeRemains(d)
}
