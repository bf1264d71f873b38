package compose

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/compose-spec/compose-go/v2/types"
)

// defaultParallel is how many steps are taken at a time unless said otherwise.
// Most of a step is waiting for the kernel and containerd.
const defaultParallel = 16

// Event tells how far a step has come.
type Event struct {
	ID     string // "Container web-1"
	Status string // Docker Compose's words: "Starting", "Started"
	Done   bool   // nothing more comes of it
	Failed bool
}

// Executor carries plans out. Its fields are set before it is used.
type Executor struct {
	Backend
	Project  *types.Project // nil when there is no file
	Observed *Observed
	// FilesDir is where the content of secrets and configs is kept.
	FilesDir string
	Version  string // of nerd, for labels
	EnvFiles []string
	Parallel int         // steps at a time; 0: a default, negative: all
	Progress func(Event) // nil: nobody looks. Called from several goroutines
	Warn     func(string)
	// Pull gets an image for PullImage; it may be nil if no plan asks for one.
	Pull func(ctx context.Context, s *types.ServiceConfig, ref string) error
	// Build makes an image for BuildImage; it may be nil if no plan asks for one.
	Build func(ctx context.Context, s *types.ServiceConfig, ref string) error

	mu   sync.Mutex
	made map[string]string // container id by service, of containers made here
}

// errSkipped is the end of a step whose need has failed, which tells why.
var errSkipped = errors.New("skipped")

// Apply takes the steps of a plan as soon as those they need are done. When one
// fails, what needs it is left out and the others go on: all that failed is in
// the error. What was done stays; the next plan begins there.
func (e *Executor) Apply(ctx context.Context, p *Plan) error {
	n := len(p.Actions)
	done := make([]chan struct{}, n)
	for i := range done {
		done[i] = make(chan struct{})
	}
	errs := make([]error, n)
	slots := make(chan struct{}, e.slots(n))
	for i := range p.Actions {
		go func() {
			defer close(done[i])
			a := &p.Actions[i]
			for _, need := range a.Needs {
				<-done[need]
				if errs[need] != nil {
					errs[i] = errSkipped
				}
			}
			if errs[i] != nil {
				return
			}
			if a.Kind != Await { // which works not, but waits
				slots <- struct{}{}
				defer func() { <-slots }()
			}
			if errs[i] = ctx.Err(); errs[i] == nil {
				errs[i] = e.step(ctx, a)
			}
		}()
	}
	var failed []error
	for i := range done {
		<-done[i]
		if errs[i] != nil && !errors.Is(errs[i], errSkipped) && !isCancelled(failed, errs[i]) {
			failed = append(failed, errs[i])
		}
	}
	return errors.Join(failed...)
}

// isCancelled: one report of an interruption is enough.
func isCancelled(failed []error, err error) bool {
	return len(failed) > 0 && errors.Is(err, context.Canceled)
}

func (e *Executor) slots(n int) int {
	switch {
	case e.Parallel > 0:
		return e.Parallel
	case e.Parallel < 0:
		return max(n, 1)
	}
	return defaultParallel
}

func (e *Executor) tell(id, status string, done bool) {
	if e.Progress != nil {
		e.Progress(Event{ID: id, Status: status, Done: done})
	}
}

func (e *Executor) warn(text string) {
	if e.Warn != nil {
		e.Warn(text)
	}
}

// shown runs a step between its two words.
func (e *Executor) shown(id, doing, done string, run func() error) error {
	e.tell(id, doing, false)
	if err := run(); err != nil {
		if e.Progress != nil {
			e.Progress(Event{ID: id, Status: "Error", Done: true, Failed: true})
		}
		return err
	}
	e.tell(id, done, true)
	return nil
}

func (e *Executor) step(ctx context.Context, a *Action) error {
	object := "Container " + a.Name
	switch a.Kind {
	case PullImage:
		return e.pull(ctx, a)
	case BuildImage: // the builder shows what it does
		return e.Build(ctx, a.Service, a.Name)
	case CreateNetwork:
		return e.shown("Network "+a.Name, "Creating", "Created", func() error { return e.createNetwork(ctx, a) })
	case RemoveNetwork:
		return e.removeNetwork(ctx, a)
	case CreateVolume:
		return e.shown("Volume "+a.Name, "Creating", "Created", func() error { return e.createVolume(ctx, a) })
	case RemoveVolume:
		return e.shown("Volume "+a.Name, "Removing", "Removed", func() error { return e.Volumes.Remove(ctx, a.Name, false) })
	case RemoveImage:
		return e.shown("Image "+a.Name, "Removing", "Removed", func() error { return e.removeImage(ctx, a.Name) })
	case Create:
		return e.shown(object, "Creating", "Created", func() error { return e.create(ctx, a, nil) })
	case Run:
		return e.shown(object, "Starting", "Started", func() error { return e.run(ctx, a) })
	case Recreate:
		return e.shown(object, "Recreate", "Recreated", func() error { return e.recreate(ctx, a) })
	case Start:
		return e.shown(object, "Starting", "Started", func() error { return e.start(ctx, a) })
	case Restart:
		return e.shown(object, "Restarting", "Started", func() error { return e.restart(ctx, a) })
	case Stop:
		return e.shown(object, "Stopping", "Stopped", func() error { return e.stop(ctx, a) })
	case Remove:
		return e.remove(ctx, a, object)
	case Await:
		return e.await(ctx, a)
	}
	return fmt.Errorf("unknown step %q", a.Kind)
}
