package iostreams

import (
	"bufio"
	"context"
	"fmt"
	"strings"
)

// Confirm asks a question and tells whether the answer was y, as Docker does
// before it prunes. Nothing to read, such as in a script, is a no.
func (s *IOStreams) Confirm(ctx context.Context, question string) (bool, error) {
	if _, err := fmt.Fprintf(s.Out, "%s [y/N] ", question); err != nil {
		return false, err
	}
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(s.In).ReadString('\n') // an unfinished line is an answer too
		answer <- strings.TrimSpace(line)
	}()
	select {
	case <-ctx.Done():
		_, _ = fmt.Fprintln(s.Out)
		return false, ctx.Err()
	case a := <-answer:
		return strings.EqualFold(a, "y"), nil
	}
}
