// Package monitor starts and talks to nerd-monitor, the small process that
// stands beside each running container: it owns the container's stdio, writes
// its log, holds its ports and handles its exit.
package monitor

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/nerd-cli/nerd/pkg/monitor/wire"
)

// ErrNotRunning says that no monitor serves the container.
var ErrNotRunning = errors.New("no monitor runs for this container")

// ErrBusy says that another monitor serves the container.
var ErrBusy = errors.New("another monitor serves this container")

// ErrLost says that the monitor is gone and that the client does not know what
// became of the container.
var ErrLost = errors.New("lost the connection to the container's monitor")

// ErrDetached is the end of an attach by the detach keys.
var ErrDetached = errors.New("detached")

// Config is all that a monitor is told at its start. It travels as plain argv,
// so that the monitor needs no decoder; it holds no secret.
type Config struct {
	Binary    string // path of nerd-monitor
	ID        string // of the container
	Dir       string // run-time folder of the container: FIFOs, socket, journal
	TTY       bool   // one stream, no stderr
	OpenStdin bool   // hold stdin open
	StdinOnce bool   // close stdin when the first attached client that had it ends it or leaves
	LogPath   string // log file; empty: none is written
	MaxSize   int64  // bytes after which the log is rotated; 0: never
	MaxFile   int    // number of log files kept, the current one included; at least 1
	LogLines  bool   // the log is not json-file but lines that begin with time, stream and tag
	Compress  bool   // rotated log files, with gzip; by Logger
	// Logger is the path of nerd-logger.
	Logger string
	// Remote, if there is any, has the output sent to where it says: it is
	// nerd-logger's configuration.
	Remote []byte
	// Buffer, if it is not 0, is how many bytes are held for a log that does not
	// keep up; then the oldest lines are lost, and the container does not wait.
	Buffer int64
	// Attrs are written into each log entry: what Docker's log options "labels"
	// and "env" select.
	Attrs map[string]string
	// Helper is the command that does what needs containerd. The monitor appends
	//	internal exited ID       the container has exited: record, clean up, remove
	//	internal cleanup ID      the owner has recorded the exit and left the rest (Done)
	//	internal restart ID      start the container again
	//	internal close-stdin ID  close containerd's end of stdin: its client is gone
	//	internal health ID       check the container's health
	// One that fails is tried again, six times within half a minute. "exited" and
	// "cleanup" may end with status 75 and "restart MS" on stdout: then the
	// monitor runs "internal restart ID" MS milliseconds later and ends. "health"
	// prints "next MS": when the next check is due. It is not tried again.
	Helper []string
	// Env is the environment of the helper, nothing else is passed on.
	Env []string
	// Ports are bound sockets, held until the container ends. Spawn does not
	// close them.
	Ports []*os.File
	// PID is the container's process if it runs already (Respawn), else 0.
	PID int
	// Health is the time from the start of the container to its first health
	// check; 0: it has none.
	Health time.Duration
}

// Paths below Config.Dir.
const (
	StdinName   = wire.StdinName
	StdoutName  = wire.StdoutName
	StderrName  = wire.StderrName
	SocketName  = wire.SocketName
	JournalName = wire.JournalName
	OOMName     = wire.OOMName
	ForwardName = wire.ForwardName

	ForwardUDPName = wire.ForwardUDPName
)

// AttachOptions connect a client to the container's stdio.
type AttachOptions struct {
	Stdin          io.Reader // nil: not attached
	Stdout, Stderr io.Writer // nil: not attached
	// Owner: this client handles the container's exit itself. The monitor runs
	// Config.Helper only if the owner leaves without having said Done.
	Owner bool
	// DetachKeys, in Docker's notation ("ctrl-p,ctrl-q"), end the attach when
	// they are typed. Empty: none do.
	DetachKeys string
	// CloseStdin is called when Stdin has ended and all of it has been handed
	// over: containerd's shim holds the FIFO open too and must close its end.
	CloseStdin func(context.Context) error
	// Attached is called once the monitor has taken the client in, before any
	// output: what the container writes from now on arrives.
	Attached func()
}
