package buildrun

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/util/progress/progressui"

	"github.com/nerd-cli/nerd/pkg/build"
	"github.com/nerd-cli/nerd/pkg/build/spec"
	clibuild "github.com/nerd-cli/nerd/pkg/cli/build"
	"github.com/nerd-cli/nerd/pkg/errs"
)

// shown builds and shows how far it has come, on standard error.
func shown(ctx context.Context, o *clibuild.Options, opts *spec.Options, b *build.Builder) (*build.Result, error) {
	streams := o.Factory.IO
	mode := progressui.DisplayMode(o.Progress)
	if o.Quiet || opts.Call != "" && o.Progress == "auto" {
		mode = progressui.QuietMode
	}
	display, err := progressui.NewDisplay(streams.Err, mode)
	if err != nil {
		return nil, fmt.Errorf("progress=%s: %w", o.Progress, err)
	}
	status := make(chan *client.SolveStatus)
	var warnings []client.VertexWarning
	done := make(chan error, 1)
	go func() {
		var err error
		// The display sees the end of the build also when that has been cancelled.
		warnings, err = display.UpdateFrom(context.WithoutCancel(ctx), status)
		for range status { // nobody may wait for a display that has failed
		}
		done <- err
	}()
	result, err := b.Build(ctx, opts, status)
	shownErr := <-done
	if err != nil {
		if _, perr := build.PrintSources(streams.Err, err); perr != nil {
			return nil, perr
		}
		return nil, err
	}
	if !o.Quiet && o.Progress != "rawjson" && opts.Call == "" {
		printWarnings(streams.Err, warnings)
	}
	return result, shownErr
}

// printWarnings lists what the Dockerfile could do better, in Docker's words.
func printWarnings(w io.Writer, warnings []client.VertexWarning) {
	if len(warnings) == 0 {
		return
	}
	plural := "s"
	if len(warnings) == 1 {
		plural = ""
	}
	fmt.Fprintf(w, "\n %d warning%s found:\n", len(warnings), plural)
	for _, warning := range warnings {
		fmt.Fprintf(w, " - %s\n", strings.TrimSpace(string(warning.Short)))
	}
}

// verdict is the exit status that a check asks for.
func verdict(result *build.Result) error {
	code, err := strconv.Atoi(strings.TrimSpace(string(result.Call["result.statuscode"])))
	if err != nil || code == 0 {
		return nil
	}
	return &errs.Exit{Code: code}
}
