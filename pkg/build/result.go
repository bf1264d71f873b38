package build

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/moby/buildkit/client"
	bkerrdefs "github.com/moby/buildkit/solver/errdefs"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// decodeMetadata makes of what exporters say of a result the values they stand
// for: JSON comes packed in base64.
func decodeMetadata(resp map[string]string) map[string]any {
	out := make(map[string]any, len(resp))
	for k, v := range resp {
		out[k] = v
		raw, err := base64.StdEncoding.DecodeString(v)
		if err != nil || len(raw) == 0 {
			continue
		}
		var doc map[string]any
		if json.Unmarshal(raw, &doc) == nil && len(doc) > 0 {
			out[k] = json.RawMessage(raw)
		}
	}
	return out
}

// nameInStatus passes events on, with the tag in place of the stand-in that the
// builder gives the image.
func nameInStatus(from <-chan *client.SolveStatus, to chan<- *client.SolveStatus, tags []string) {
	defer close(to)
	name := ""
	if len(tags) > 0 {
		name = tags[0]
	}
	for s := range from {
		for _, st := range s.Statuses {
			before, rest, ok := strings.Cut(st.ID, " to "+danglingPrefix+"@")
			if !ok {
				continue
			}
			if name != "" {
				rest = name
			}
			st.ID = before + " to " + rest
		}
		to <- s
	}
}

// solveError is an error of the builder in Docker's words. What has been
// cancelled says so however the builder put it.
func solveError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if status.Code(err) == codes.Unavailable {
		return fmt.Errorf("the builder has gone away: %w", err)
	}
	return &solveFailure{err}
}

// solveFailure begins as Docker's message does.
type solveFailure struct{ err error }

func (e *solveFailure) Error() string {
	text := e.err.Error()
	text = strings.TrimPrefix(text, "failed to solve: ")
	return "failed to solve: " + text
}
func (e *solveFailure) Unwrap() error { return e.err }

// PrintSources writes the lines of the Dockerfile that an error is about, and
// tells whether there are any.
func PrintSources(w io.Writer, err error) (bool, error) {
	var failed *solveFailure
	if !errors.As(err, &failed) {
		return false, nil
	}
	sources := bkerrdefs.Sources(err)
	for _, s := range sources {
		if err := s.Print(w); err != nil {
			return false, err
		}
	}
	return len(sources) > 0, nil
}
