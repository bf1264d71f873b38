package container

import (
	"io"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// CreateOptions is a container to be made, in the words of Docker's API: the
// body of POST /containers/create. Fields left zero take the image's values and
// then Docker's defaults.
type CreateOptions struct {
	Name       string // empty: a random one
	Config     *container.Config
	HostConfig *container.HostConfig
	Networks   map[string]*network.EndpointSettings // by network name; empty: HostConfig.NetworkMode alone
	Platform   *ocispec.Platform                    // nil: the host's
}

// CreateResult is what Create made.
type CreateResult struct {
	ID       string
	Warnings []string
}

// Size is a terminal's size in characters.
type Size struct{ Height, Width uint16 }

// Streams are the caller's ends of a container's stdio. A nil stream is not
// attached. With a TTY, Stderr is unused.
type Streams struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	DetachKeys     string      // Docker's notation; empty: ctrl-p,ctrl-q. Looked for with a TTY only
	Resize         <-chan Size // nil: never resized
}

// StartOptions says how a container is started.
type StartOptions struct {
	// Attach connects the streams before the command starts, so no output is
	// missed. Nil: detached.
	Attach *Streams
	// Checkpoint is what the processes are restored from; nil: the command is run.
	Checkpoint *Checkpoint
	// Warn, if set, is told by Run what the machine cannot honour, before the
	// command starts.
	Warn func(warning string)
	// Starting, if set, is called right before the command is let go: from then on
	// the caller's signals are the command's.
	Starting func()
	// Started, if set, is called once the command runs.
	Started func()

	byPolicy bool // the restart policy wants it, nobody else
}

// AttachOptions says how to attach to a container that runs already.
type AttachOptions struct {
	Streams
	Logs bool // first replay what was logged
}

// Outcome is how an attached session ended.
type Outcome struct {
	Detached bool // by the detach keys; the container goes on
	ExitCode int  // of the container, when not detached
}

// StopOptions says how a container is stopped. Zero values: the container's own
// stop signal and stop timeout, or SIGTERM and 10 seconds.
type StopOptions struct {
	Signal  string
	Timeout *int // seconds; -1 waits forever
}

// RemoveOptions says how a container is removed.
type RemoveOptions struct {
	Force   bool // kill it first when it runs
	Volumes bool // its anonymous volumes too
	// Stop, with Force, lets it end as Stop does rather than killing it. Stopping and
	// removing in one go saves recording an end that nobody will read.
	Stop *StopOptions
}

// ListOptions selects containers, as `docker ps` does.
type ListOptions struct {
	All     bool
	Limit   int // the last N created, whatever their state
	Size    bool
	Filters map[string][]string // Docker's filter keys
}

// InspectOptions says what Inspect computes beyond the record.
type InspectOptions struct {
	Size bool
}

// LogsOptions selects log lines.
type LogsOptions struct {
	Stdout, Stderr io.Writer
	Follow         bool
	Tail           int       // last N lines; negative: all
	Since, Until   time.Time // zero: no bound
	Timestamps     bool
	Details        bool // prefix each line with the labels and env of the log options
}

// ExecOptions is a command to run in a running container.
type ExecOptions struct {
	Cmd        []string
	Env        []string
	User       string
	WorkingDir string
	Tty        bool
	Privileged bool
	Detach     bool
	Streams
}

// WaitCondition is what Wait waits for.
type WaitCondition = container.WaitCondition
