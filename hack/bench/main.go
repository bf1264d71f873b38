// Command bench times nerd beside whichever of docker, nerdctl, podman and ctr
// it finds on PATH. The tools take turns (A B A B), so that a busy moment of the
// machine hits all of them; medians and ratios to Docker are reported. It is a
// benchmark and asserts nothing.
//
//	go run ./hack/bench [-n RUNS] [-only REGEXP] [-tools nerd,docker] [-o FOLDER]
//
// It needs root, and for Docker a daemon that DOCKER_HOST leads to.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/nerd-cli/nerd/test/e2e/testimage"
)

// options are the flags.
type options struct {
	runs  int
	only  *regexp.Regexp
	tools []string // empty: all that are found
	out   string
	nerd  string
	logMB int
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parse(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.IntVar(&o.runs, "n", 15, "timed `runs` of each tool and case")
	only := flags.String("only", "", "cases whose name matches the `regexp`")
	tools := flags.String("tools", "", "comma-separated `names` of tools; all that are found without it")
	flags.StringVar(&o.out, "o", "bench", "`folder` for the results")
	flags.StringVar(&o.nerd, "nerd", filepath.Join("bin", "nerd"), "`path` of nerd")
	flags.IntVar(&o.logMB, "log-size", 200, "size of the log in `MB` that logs --tail reads")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.runs < 1 {
		return o, fmt.Errorf("-n is %d: at least one run is needed", o.runs)
	}
	if *tools != "" {
		o.tools = strings.Split(*tools, ",")
	}
	var err error
	if o.only, err = regexp.Compile(*only); err != nil {
		return o, fmt.Errorf("-only: %w", err)
	}
	return o, nil
}

func run(ctx context.Context, args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "nerd-bench-")
	if err != nil {
		return err
	}
	defer func() {
		if err := os.RemoveAll(dir); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
		}
	}()
	archive := filepath.Join(dir, "busybox.tar")
	if err := writeImage(archive); err != nil {
		return err
	}
	tools := findTools(ctx, o, archive)
	if len(tools) == 0 {
		return fmt.Errorf("no tool to measure was found: run make build first")
	}
	b := &bench{options: o, tools: tools}
	for _, c := range append(cases(o), composeCases(dir)...) {
		if o.only.MatchString(c.name) && ctx.Err() == nil {
			b.measure(ctx, c)
		}
	}
	if o.only.MatchString("throughput") && ctx.Err() == nil {
		b.measureThroughput(ctx)
	}
	if o.only.MatchString("memory") && ctx.Err() == nil {
		b.measureMemory(ctx)
	}
	for _, t := range tools {
		t.cleanup(context.WithoutCancel(ctx))
	}
	return b.write()
}

// imageRef is the image that all tools run.
const imageRef = "localhost/nerd-bench:1"

func writeImage(path string) error {
	files, err := testimage.Busybox("/bin/busybox")
	if err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	img := testimage.Image{Refs: []string{imageRef}, Files: files}
	img.Config.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	img.Config.Cmd = []string{"sh"}
	return testimage.Write(f, img)
}

// bench collects the results.
type bench struct {
	options
	tools   []*tool
	timings []timing
	flows   []flow
	memory  []footprint
}

// measure times one case with all tools in turn.
func (b *bench) measure(ctx context.Context, c benchCase) {
	fmt.Fprintf(os.Stderr, "bench: %s\n", c.name)
	var ready []*tool
	for _, t := range b.tools {
		if c.name != "version" && !t.usable {
			continue
		}
		err := c.prepare(ctx, t)
		if err == nil {
			err = c.once(ctx, t, 0) // a first run outside the count
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "bench: %s: %s is left out: %v\n", c.name, t.name, err)
			c.finish(context.WithoutCancel(ctx), t)
			continue
		}
		ready = append(ready, t)
	}
	results := make([]timing, len(ready))
	for i, t := range ready {
		results[i] = timing{Case: c.name, Tool: t.name}
	}
	for round := 1; round <= b.runs; round++ {
		for i, t := range ready {
			start := time.Now()
			err := c.once(ctx, t, round)
			took := time.Since(start)
			if err != nil {
				results[i].Failures++
				fmt.Fprintf(os.Stderr, "bench: %s: %s: %v\n", c.name, t.name, err)
				continue
			}
			results[i].Runs = append(results[i].Runs, float64(took.Microseconds())/1000)
		}
	}
	for _, t := range ready {
		c.finish(context.WithoutCancel(ctx), t)
	}
	b.timings = append(b.timings, results...)
}
