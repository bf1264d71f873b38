package wire

// A feed carries a container's output from its monitor to a program that keeps it
// or sends it on: nerd-logger, or a nerd-monitor that writes a file on the side.
// The program greets with an ack, which says how far it has got in an earlier
// life; the monitor sends frames from there on, and the program acknowledges what
// it need not be given again.

// FeedSize is the length of a feed frame's header in bytes; the text follows.
const FeedSize = 24

// MaxFeed is the largest text of a frame, in bytes.
const MaxFeed = 32 << 10

// AckSize is the length of an ack: for each stream, as a little-endian uint64, the
// offset up to which it has been dealt with.
const AckSize = 16

// FeedFD is the descriptor that such a program inherits the feed as.
const FeedFD = 3

// FeedFinal marks the end of a stream: the text is whole, even without a newline.
const FeedFinal = 1 << 0

// FeedFrame is the header of a frame. Its text ends with a line, or is a piece of
// a long line that goes on in the next frame. A text that does not begin where the
// last one of its stream has ended follows a loss.
type FeedFrame struct {
	Stream byte // 0: stdout, 1: stderr
	Flags  byte
	Length int
	Offset uint64 // of the text's first byte in its stream
	Time   int64  // nanoseconds after 1970
}

// Append appends the header.
func (f FeedFrame) Append(b []byte) []byte {
	b = append(b, f.Stream, f.Flags, 0, 0)
	b = Append32(b, uint32(f.Length))
	b = Append64(b, f.Offset)
	return Append64(b, uint64(f.Time))
}

// ParseFeed reads a header. False: it is none.
func ParseFeed(b []byte) (FeedFrame, bool) {
	if len(b) < FeedSize {
		return FeedFrame{}, false
	}
	f := FeedFrame{Stream: b[0], Flags: b[1], Length: int(Uint32(b[4:])), Offset: Uint64(b[8:]), Time: int64(Uint64(b[16:]))}
	return f, f.Stream < 2 && f.Length <= MaxFeed
}

// Names of files in a container's run-time folder that belong to its log.
const (
	// LoggerConfig tells nerd-logger what to do.
	LoggerConfig = "logger.json"
	// AttrsName holds the JSON object that each entry of the log carries.
	AttrsName = "attrs"
	// LoggerLog is what nerd-logger has to say.
	LoggerLog = "logger.log"
	// WriterJournal is the journal of a file that is written on the side.
	WriterJournal = "writer"
)

// Words that nerd-logger is called with.
const (
	LoggerSend     = "send"     // nerd-logger send DIR: the feed is FeedFD
	LoggerCheck    = "check"    // nerd-logger check <logger.json: can it be reached?
	LoggerCompress = "compress" // nerd-logger compress LOG: the rotated files of LOG
)

// LockSuffix makes of a log's path the file whose lock its rotated names are
// changed under, if they are compressed.
const LockSuffix = ".lock"

// PackedComment is the comment in a compressed log file's gzip header: the inode
// of the file that it was made of.
func PackedComment(inode uint64) string {
	var digits [20]byte
	i := len(digits)
	for ok := true; ok; ok = inode > 0 {
		i--
		digits[i] = '0' + byte(inode%10)
		inode /= 10
	}
	return "inode " + string(digits[i:])
}
