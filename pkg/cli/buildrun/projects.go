package buildrun

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/util/progress/progressui"

	"github.com/nerd-cli/nerd/pkg/build"
	"github.com/nerd-cli/nerd/pkg/build/spec"
	clicompose "github.com/nerd-cli/nerd/pkg/cli/compose"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
)

// Projects is the builder behind the commands on Compose projects.
type Projects struct{}

// Open connects to the builder and begins to show what n builds do.
func (Projects) Open(ctx context.Context, f *factory.Factory, mode string, n int) (clicompose.Builds, error) {
	display, err := progressui.NewDisplay(f.IO.Err, progressui.DisplayMode(mode))
	if err != nil {
		return nil, fmt.Errorf("progress=%s: %w", mode, err)
	}
	b, _, err := open(ctx, f, "")
	if err != nil {
		return nil, err
	}
	p := &projectBuilds{io: f.IO, builder: b, named: n > 1, quiet: mode == "quiet", status: make(chan *client.SolveStatus), shown: make(chan error, 1)}
	go func() {
		// The display sees the end of the builds also when they have been cancelled.
		warnings, err := display.UpdateFrom(context.WithoutCancel(ctx), p.status)
		for range p.status { // nobody may wait for a display that has failed
		}
		p.warnings = warnings
		p.shown <- err
	}()
	return p, nil
}

// projectBuilds are the builds of one command.
type projectBuilds struct {
	io      *iostreams.IOStreams
	builder *build.Builder
	named   bool // steps begin with the name of their service
	quiet   bool
	status  chan *client.SolveStatus
	shown   chan error

	warnings []client.VertexWarning // once shown

	mu     sync.Mutex
	failed []error
}

// Build builds the image of a service.
func (p *projectBuilds) Build(ctx context.Context, service string, o *spec.Options) (string, error) {
	o.Stdout = p.io.Out
	own := make(chan *client.SolveStatus)
	passed := make(chan struct{})
	go func() {
		defer close(passed)
		for s := range own {
			if p.named {
				nameVertices(s, service)
			}
			p.status <- s
		}
	}()
	result, err := p.builder.Build(ctx, o, own)
	<-passed
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case err != nil:
		p.failed = append(p.failed, err)
		return "", err
	case o.Call != "":
		return "", p.answer(service, o.Call, result)
	}
	return result.Digest, nil
}

// answer writes what the frontend says of a build.
func (p *projectBuilds) answer(service, call string, result *build.Result) error {
	text := callText(call, result)
	if p.named {
		text = service + ": " + text
	}
	if _, err := fmt.Fprintln(p.io.Out, text); err != nil {
		return err
	}
	return verdict(result)
}

// nameVertices puts the name of a service into the names of its steps.
func nameVertices(s *client.SolveStatus, service string) {
	for _, v := range s.Vertexes {
		if rest, ok := strings.CutPrefix(v.Name, "["); ok {
			v.Name = "[" + service + " " + rest
		} else {
			v.Name = "[" + service + "] " + v.Name
		}
	}
}

// Close ends the display, then shows the lines of Dockerfiles that failed.
func (p *projectBuilds) Close() error {
	close(p.status)
	err := <-p.shown
	for _, failed := range p.failed {
		if _, perr := build.PrintSources(p.io.Err, failed); perr != nil {
			err = errors.Join(err, perr)
		}
	}
	if !p.quiet && len(p.failed) == 0 {
		printWarnings(p.io.Err, p.warnings)
	}
	return errors.Join(err, p.builder.Close())
}
