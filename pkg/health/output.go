package health

import (
	"fmt"
	"sync"
	"time"
)

// maxOutput is how much of a check's output is kept, in bytes.
const maxOutput = 4096

// Output keeps the beginning of what a check writes and takes all of it, so that
// a check never blocks. Stdout and stderr of a check share one. The zero value is
// ready for use.
type Output struct {
	mu   sync.Mutex
	data []byte
	cut  bool
}

// Write never fails.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := min(len(p), maxOutput-len(o.data))
	o.data = append(o.data, p[:n]...)
	o.cut = o.cut || n < len(p)
	return len(p), nil
}

// String is what was kept, with three dots after it if more was written.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.cut {
		return string(o.data) + "..."
	}
	return string(o.data)
}

// TookTooLong is what stands in the log for a check that did not end in time.
func TookTooLong(timeout time.Duration, output string) string {
	text := fmt.Sprintf("Health check exceeded timeout (%v)", timeout)
	if output != "" {
		text += ": " + output
	}
	return text
}
