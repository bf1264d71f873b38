// Package wire is what nerd-monitor and its clients say to each other on the
// attach socket: frames of a type, a length and a payload. It imports nothing,
// because every package that the monitor links costs memory beside each
// running container.
package wire

// HeaderSize is the length of a frame's header in bytes: type, three zero bytes,
// length of the payload that follows as a little-endian uint32.
const HeaderSize = 8

// MaxInput is the largest payload, in bytes, that a monitor accepts.
const MaxInput = 16 << 10

// Frames from the client to the monitor.
const (
	// Hello says what the client wants; its payload is a HelloFrame. A client
	// that never says hello is only told when the container has exited.
	Hello = 1
	// Stdin carries bytes for the container. The client waits for StdinAck
	// before it sends more, so that nothing is in flight but one chunk.
	Stdin = 2
	// StdinEOF ends the client's stdin; StdinClosed is the answer.
	StdinEOF = 3
	// Started names the process to watch: a little-endian uint32. StartedAck
	// is the answer, sent when the monitor would know it after being killed.
	Started = 4
	// Done is the owner's last word, with one flags byte.
	Done = 5
	// Cancel ends a monitor that waits to restart its container.
	Cancel = 6
	// Health stops the health checks, or lets them begin again: a little-endian
	// uint64 says in how many milliseconds, HealthOff never. HealthAck is the
	// answer, sent when no check runs.
	Health = 7
)

// HealthOff in a Health frame stops the checks.
const HealthOff = ^uint64(0)

// Frames from the monitor to the client.
const (
	// Ready answers Hello, and is the first frame on the connection that the
	// monitor inherits; its payload is a ReadyFrame.
	Ready = 16
	// Stdout and Stderr carry output.
	Stdout = 17
	Stderr = 18
	// StdinAck tells how many stdin bytes of this client have been handed over
	// since its first hello, as a little-endian uint64.
	StdinAck = 19
	// StdinClosed answers StdinEOF. Its byte is 1 if the monitor has closed its
	// end, so that the client must have containerd close its own.
	StdinClosed = 20
	// StartedAck answers Started.
	StartedAck = 21
	// Exited: the process is gone and all its output has been sent.
	Exited = 22
	// Failed says why the monitor could not start: an errno, as a little-endian
	// uint32, and a line of text. EBUSY: another one serves the container.
	Failed = 23
	// HealthAck answers Health.
	HealthAck = 24
)

// Flags of Hello.
const (
	HelloStdin  = 1 << 0
	HelloStdout = 1 << 1
	HelloStderr = 1 << 2
	HelloOwner  = 1 << 3
)

// FromNow as an offset in Hello asks for output from now on.
const FromNow = ^uint64(0)

// Flags of Done.
const (
	// DoneCleanup asks the monitor to run "internal cleanup ID" before it ends.
	// Without it nothing is left to do.
	DoneCleanup = 1 << 0
)

// Flags of Ready.
const (
	ReadyStdinClosed = 1 << 0
	ReadyExited      = 1 << 1
)

// StatusRestart is the exit status with which a helper asks for a restart. It
// prints "restart DELAY" on its stdout, the delay in milliseconds.
const StatusRestart = 75

// Words that follow the helper's own argv: HELPER... internal VERB ID.
const (
	HelperGroup   = "internal"
	HelperExited  = "exited"
	HelperCleanup = "cleanup"
	HelperRestart = "restart"
	HelperStdin   = "close-stdin"
	HelperHealth  = "health"
)

// Names of a monitor's files in its folder.
const (
	StdinName   = "stdin"
	StdoutName  = "stdout"
	StderrName  = "stderr"
	SocketName  = "attach.sock"
	JournalName = "journal"
	// ForwardName is the table of published TCP ports, a line "PORT A.B.C.D PORT"
	// each: host port, container's address and port.
	ForwardName = "forward"
	// ForwardUDPName is the same for UDP.
	ForwardUDPName = "forward.udp"
	// OOMName is there if the kernel has killed for want of memory.
	OOMName   = "oom"
	HelperLog = "helper.log"
)

// File descriptors that a monitor inherits: its first client, then the ports.
const (
	FirstClientFD = 3
	FirstPortFD   = 4
)

// HelloFrame is the payload of Hello.
type HelloFrame struct {
	Flags  uint32
	Stdout uint64 // offset to start from, or FromNow
	Stderr uint64
	Key    uint64 // names the client across connections; 0 if it has no stdin
}

// HelloSize and ReadySize are the lengths of the payloads.
const (
	HelloSize = 32
	ReadySize = 32
)

// Append appends the frame of h.
func (h HelloFrame) Append(b []byte) []byte {
	b = AppendHeader(b, Hello, HelloSize)
	b = Append32(b, h.Flags)
	b = Append32(b, 0)
	b = Append64(b, h.Stdout)
	b = Append64(b, h.Stderr)
	return Append64(b, h.Key)
}

// ParseHello reads the payload of a Hello frame.
func ParseHello(b []byte) (HelloFrame, bool) {
	if len(b) != HelloSize {
		return HelloFrame{}, false
	}
	return HelloFrame{Flags: Uint32(b), Stdout: Uint64(b[8:]), Stderr: Uint64(b[16:]), Key: Uint64(b[24:])}, true
}

// ReadyFrame is the payload of Ready.
type ReadyFrame struct {
	Stdout uint64 // offset of the first byte that will be sent
	Stderr uint64
	Stdin  uint64 // as in StdinAck
	PID    uint32 // 0: not started
	Flags  uint32
}

// Append appends the frame of r.
func (r ReadyFrame) Append(b []byte) []byte {
	b = AppendHeader(b, Ready, ReadySize)
	b = Append64(b, r.Stdout)
	b = Append64(b, r.Stderr)
	b = Append64(b, r.Stdin)
	b = Append32(b, r.PID)
	return Append32(b, r.Flags)
}

// ParseReady reads the payload of a Ready frame.
func ParseReady(b []byte) (ReadyFrame, bool) {
	if len(b) != ReadySize {
		return ReadyFrame{}, false
	}
	return ReadyFrame{Stdout: Uint64(b), Stderr: Uint64(b[8:]), Stdin: Uint64(b[16:]), PID: Uint32(b[24:]), Flags: Uint32(b[28:])}, true
}

// AppendHeader appends the header of a frame.
func AppendHeader(b []byte, kind byte, length int) []byte {
	return Append32(append(b, kind, 0, 0, 0), uint32(length))
}

// ParseHeader reads a header of HeaderSize bytes.
func ParseHeader(b []byte) (kind byte, length int) {
	return b[0], int(Uint32(b[4:]))
}

// Append32 appends v in little-endian order.
func Append32(b []byte, v uint32) []byte {
	return append(b, byte(v), byte(v>>8), byte(v>>16), byte(v>>24))
}

// Append64 appends v in little-endian order.
func Append64(b []byte, v uint64) []byte {
	return Append32(Append32(b, uint32(v)), uint32(v>>32))
}

// Uint32 reads four little-endian bytes.
func Uint32(b []byte) uint32 {
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
}

// Uint64 reads eight little-endian bytes.
func Uint64(b []byte) uint64 { return uint64(Uint32(b)) | uint64(Uint32(b[4:]))<<32 }
