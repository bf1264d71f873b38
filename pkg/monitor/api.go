package monitor

import (
	"io"
	"os"
)

// Config is all that a monitor is told at its start. It travels as plain argv,
// so that the monitor needs no decoder; it holds no secret.
type Config struct {
	Binary    string     // path of nerd-monitor
	ID        string     // of the container
	Dir       string     // run-time folder of the container: FIFOs, socket, journal
	TTY       bool       // one stream, no stderr
	OpenStdin bool       // hold stdin open
	StdinOnce bool       // close stdin when the first attached client that had it leaves
	LogPath   string     // json-file log; empty: nothing is logged
	MaxSize   int64      // bytes after which the log is rotated; 0: never
	MaxFile   int        // number of log files kept, the current one included; at least 1
	Helper    []string   // command that handles an exit, the words "internal exited ID" are appended by the caller
	Ports     []*os.File // bound sockets, held until the container ends
}

// Paths below Config.Dir.
const (
	StdinName   = "stdin"
	StdoutName  = "stdout"
	StderrName  = "stderr"
	SocketName  = "attach.sock"
	JournalName = "journal"
)

// AttachOptions connect a client to the container's stdio.
type AttachOptions struct {
	Stdin          io.Reader // nil: not attached
	Stdout, Stderr io.Writer // nil: not attached
	// Owner: this client handles the container's exit itself. The monitor runs
	// Config.Helper only if the owner leaves without having said Done.
	Owner bool
}
