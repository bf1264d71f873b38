package main

import (
	"context"
	"errors"
	"fmt"
)

// benchCase is one thing that is timed.
type benchCase struct {
	name    string
	prepare func(ctx context.Context, t *tool) error
	once    func(ctx context.Context, t *tool, round int) error // what is timed
	finish  func(ctx context.Context, t *tool)
}

// errOther marks what a tool has no like of.
var errOther = errors.New("it has nothing that compares")

func nothing(context.Context, *tool) error { return nil }
func noFinish(context.Context, *tool)      {}

// psCount is how many containers ps lists.
const psCount = 100

func cases(o options) []benchCase {
	return []benchCase{
		{"version", nothing, func(ctx context.Context, t *tool, _ int) error { return t.do(ctx, "--version") }, noFinish},
		{"run-none", nothing, runOnce("--network", "none"), noFinish},
		{"run-bridge", nothing, runOnce(), noFinish},
		{"run-d+rm-f", nothing, runAndRemove, noFinish},
		{"exec", prepareSleeper("exec"), execOnce, removeOne("exec")},
		{"ps-100", preparePs, listAll, finishPs},
		{"images-300", prepareImages, listImages, removeImages},
		{"logs-write", nothing, writeLog, noFinish},
		{"logs-tail", prepareLog(o.logMB), tailOnce, removeOne("logs")},
	}
}

// runOnce is run --rm of a command that does nothing.
func runOnce(network ...string) func(context.Context, *tool, int) error {
	return func(ctx context.Context, t *tool, round int) error {
		flags := append([]string{"--rm"}, network...)
		if t.isCtr() {
			if len(network) == 0 {
				return errOther // without further set-up it has no bridge
			}
			flags = []string{"--rm"}
		}
		return t.do(ctx, t.runArgs(flags, cname(fmt.Sprint("run", round)), "true")...)
	}
}

func runAndRemove(ctx context.Context, t *tool, round int) error {
	name := cname(fmt.Sprint("d", round))
	if _, err := t.start(ctx, name, "sleep", "1000"); err != nil {
		return err
	}
	return t.remove(ctx, name)
}

func prepareSleeper(suffix string) func(context.Context, *tool) error {
	return func(ctx context.Context, t *tool) error {
		_, err := t.start(ctx, cname(suffix), "sleep", "100000")
		return err
	}
}

func removeOne(suffix string) func(context.Context, *tool) {
	return func(ctx context.Context, t *tool) {
		_ = t.remove(ctx, cname(suffix)) // it may not have been made
	}
}

func execOnce(ctx context.Context, t *tool, round int) error {
	if t.isCtr() {
		return t.do(ctx, "task", "exec", "--exec-id", fmt.Sprint("e", round), cname("exec"), "true")
	}
	return t.do(ctx, "exec", cname("exec"), "true")
}

func preparePs(ctx context.Context, t *tool) error {
	for i := range psCount {
		args := []string{"create", "--name", cname(fmt.Sprint("ps", i)), imageRef, "true"}
		if t.isCtr() {
			args = []string{"containers", "create", imageRef, cname(fmt.Sprint("ps", i)), "true"}
		}
		if err := t.do(ctx, args...); err != nil {
			return err
		}
	}
	return nil
}

func listAll(ctx context.Context, t *tool, _ int) error {
	if t.isCtr() {
		return t.do(ctx, "containers", "ls")
	}
	return t.do(ctx, "ps", "-a")
}

func finishPs(ctx context.Context, t *tool) {
	for i := range psCount {
		_ = t.remove(ctx, cname(fmt.Sprint("ps", i))) // it may not have been made
	}
}

// logLines is how many lines of 100 bytes writeLog writes.
const logLines = 300_000

// writeLog runs a container that writes as fast as it is read, to its end.
func writeLog(ctx context.Context, t *tool, round int) error {
	if t.isCtr() {
		return errOther // it keeps no logs
	}
	name := cname(fmt.Sprint("w", round))
	script := fmt.Sprintf("yes %099d | head -n %d", 0, logLines)
	if _, err := t.start(ctx, name, "sh", "-c", script); err != nil {
		return err
	}
	return errors.Join(t.do(ctx, "wait", name), t.remove(ctx, name))
}

// prepareLog makes a log file of about so many megabytes: 100 bytes a line and
// what JSON adds to it.
func prepareLog(mb int) func(context.Context, *tool) error {
	return func(ctx context.Context, t *tool) error {
		if t.isCtr() {
			return errOther // it keeps no logs
		}
		const line, frame = 100, 70
		script := fmt.Sprintf("yes %099d | head -n %d", 0, mb*1_000_000/(line+frame))
		_, err := t.start(ctx, cname("logs"), "sh", "-c", script)
		if err == nil {
			err = t.do(ctx, "wait", cname("logs"))
		}
		return err
	}
}

func tailOnce(ctx context.Context, t *tool, _ int) error {
	return t.do(ctx, "logs", "--tail", "10", cname("logs"))
}
