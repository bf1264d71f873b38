package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/nerd-cli/nerd/pkg/errs"
	"github.com/nerd-cli/nerd/pkg/state"
)

// stopPatience is how long a daemon may take to end by itself.
const stopPatience = 10 * time.Second

// Up makes the engine run and returns once it answers. It starts nothing that
// runs already, in this process or any other, and replaces what no longer
// answers.
func Up(ctx context.Context, opts Options) (Status, error) {
	l := opts.Layout
	var wanted []daemon
	if opts.Address == "" || opts.Address == Socket(l) {
		wanted = append(wanted, containerd(l))
	}
	if opts.Build {
		wanted = append(wanted, buildkitd(l, opts.Address))
	}
	for _, d := range wanted {
		if err := opts.ensure(ctx, d); err != nil {
			return Status{}, err
		}
	}
	return GetStatus(ctx, l)
}

// ensure makes one daemon run.
func (o Options) ensure(ctx context.Context, d daemon) error {
	if answers(ctx, d) {
		return nil
	}
	if err := o.prepare(d); err != nil {
		return err
	}
	lock, err := state.AcquireLock(ctx, lockFile(o.Layout))
	if err != nil {
		return diskError(err, o.Layout.EngineRun())
	}
	defer func() { _ = lock.Release() }() // nothing was written through it
	if answers(ctx, d) {
		return nil // another process was faster
	}
	if err := o.clear(ctx, d); err != nil {
		return err
	}
	if answers(ctx, d) {
		return nil // it was only slow
	}
	return o.start(ctx, d)
}

// prepare checks what can be checked and makes the folders.
func (o Options) prepare(d daemon) error {
	l := o.Layout
	if os.Geteuid() != 0 {
		return errs.WithHint(errors.New("root is needed to start nerd's engine"), "run nerd with sudo")
	}
	if err := checkPaths(d); err != nil {
		return err
	}
	if err := installedFor(l, d); err != nil {
		return err
	}
	// Processes of a container in a user namespace look their root file system up
	// below the run-time root, so others may pass through it, not list it.
	for _, dir := range []string{l.Run, l.EngineRun()} {
		if err := os.MkdirAll(dir, 0o711); err != nil {
			return diskError(err, dir)
		}
		if err := os.Chmod(dir, 0o711); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(l.Engine(), 0o711); err != nil {
		return diskError(err, l.Engine())
	}
	return nil
}

// clear takes away what a daemon left that is gone, and ends one that runs but
// does not answer: first it gets time, as it may just be starting.
func (o Options) clear(ctx context.Context, d daemon) error {
	if p, ok := d.find(); ok {
		patient, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		if waitAnswer(patient, d, nil) == nil {
			return state.WriteJSON(d.pidFile, p)
		}
		if err := stop(ctx, p); err != nil {
			return fmt.Errorf("%s does not answer and cannot be stopped: %w", d.name, err)
		}
	}
	return removeRemains(d)
}

func removeRemains(d daemon) error {
	for _, path := range []string{d.pidFile, d.socket, d.socket + ".ttrpc"} {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// start runs the daemon and waits until it answers.
func (o Options) start(ctx context.Context, d daemon) error {
	l := o.Layout
	if err := checkSpace(l.Engine(), l.EngineRun()); err != nil {
		return err
	}
	config := containerdConfig(l)
	if d.name != "containerd" {
		config = o.buildkitdConfig()
	}
	if err := writeConfig(d.config, config); err != nil {
		return diskError(err, l.Engine())
	}
	c, err := spawn(l, d, o.Env)
	if err != nil {
		return diskError(fmt.Errorf("starting %s: %w", d.name, err), l.Engine())
	}
	waiting, cancel := context.WithTimeout(ctx, o.timeout())
	defer cancel()
	err = waitAnswer(waiting, d, c.gone)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err() // it goes on starting; the next command finds it
	case errors.Is(err, errGone):
		cause := lastError(d.logFile, c.logFrom)
		return errors.Join(o.diedError(d, cause), removeRemains(d))
	}
	stopErr := stop(context.WithoutCancel(ctx), c.Process)
	return errors.Join(errs.WithHint(fmt.Errorf("%s does not answer on %s after %v", d.name, d.socket, o.timeout()), "see 'nerd engine logs'"), stopErr)
}

// diedError names the cause that the daemon logged, and the disk when that is
// full by now.
func (o Options) diedError(d daemon, cause string) error {
	if err := checkSpace(o.Layout.Engine(), o.Layout.EngineRun()); err != nil {
		return err
	}
	return errs.WithHint(fmt.Errorf("%s ended while starting: %s", d.name, cause), "see 'nerd engine logs'")
}

// UpBuilder makes the buildkitd of the layout's namespace run, in the containerd
// at opts.Address, which has to run already, and tells where it answers.
func UpBuilder(ctx context.Context, opts Options) (socket string, err error) {
	d := buildkitd(opts.Layout, opts.Address)
	return d.socket, opts.ensure(ctx, d)
}
