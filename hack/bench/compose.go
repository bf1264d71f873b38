package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Sizes of the projects: services that come up and go, and containers that are listed.
const (
	composeServices = 10
	composeListed   = 100
)

// composeCases time projects: one that comes up and goes, one with nothing to
// change, and the list of a large one.
func composeCases(dir string) []benchCase {
	small, large := filepath.Join(dir, "small.yaml"), filepath.Join(dir, "large.yaml")
	up := []string{"compose", "-f", small, "up", "-d"}
	down := []string{"compose", "-f", small, "down", "-t", "0"}
	many := []string{"compose", "-f", large, "up", "--no-start"}
	return []benchCase{
		{fmt.Sprintf("compose-up+down-%d", composeServices), withFile(small, composeServices, 1), doAll(up, down), undo(down)},
		{"compose-up-same", withFile(small, composeServices, 1, up), doAll(up), undo(down)},
		{
			fmt.Sprintf("compose-ps-%d", composeListed), withFile(large, 5, composeListed/5, many),
			doAll([]string{"compose", "-f", large, "ps", "-a"}), undo([]string{"compose", "-f", large, "down", "-t", "0"}),
		},
	}
}

// withFile writes a project and runs commands on it.
func withFile(path string, services, scale int, commands ...[]string) func(context.Context, *tool) error {
	return func(ctx context.Context, t *tool) error {
		if t.name != "nerd" && t.name != "docker" {
			return errOther // others' Compose is what Docker's is, or none
		}
		var b strings.Builder
		b.WriteString("name: nerd-bench\nservices:\n")
		for i := range services {
			fmt.Fprintf(&b, "  s%d: {image: %q, command: sleep 100000, scale: %d}\n", i, imageRef, scale)
		}
		if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
			return err
		}
		return doAll(commands...)(ctx, t, 0)
	}
}

func doAll(commands ...[]string) func(context.Context, *tool, int) error {
	return func(ctx context.Context, t *tool, _ int) error {
		for _, args := range commands {
			if err := t.do(ctx, args...); err != nil {
				return err
			}
		}
		return nil
	}
}

func undo(command []string) func(context.Context, *tool) {
	return func(ctx context.Context, t *tool) {
		_ = t.do(ctx, command...) // it may not have been made
	}
}
