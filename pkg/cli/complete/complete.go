// Package complete finds the names that the shell offers when a word is being
// completed. It never starts anything, and says nothing when it fails.
package complete

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	apicontainer "github.com/moby/moby/api/types/container"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/container"
	"github.com/nerd-cli/nerd/pkg/image"
	"github.com/nerd-cli/nerd/pkg/nerd"
	"github.com/nerd-cli/nerd/pkg/volume"
)

// patience is how long the shell is kept waiting.
const patience = 2 * time.Second

// Func is cobra's type of completion functions.
type Func = cobra.CompletionFunc

// open connects, but only to a containerd that is already there.
func open(ctx context.Context, f *factory.Factory) *nerd.Client {
	cfg, err := f.Config()
	if err != nil || os.Geteuid() != 0 {
		return nil
	}
	sockets := []string{cfg.Address}
	if cfg.Address == "" {
		sockets = []string{"/run/containerd/containerd.sock", filepath.Join(cfg.RunRoot, "engine", "containerd.sock")}
	}
	if !slices.ContainsFunc(sockets, func(path string) bool {
		_, err := os.Stat(path)
		return err == nil
	}) {
		return nil
	}
	client, err := f.Client(ctx)
	if err != nil {
		return nil
	}
	return client
}

// Containers offers the names of containers that keep accepts; a nil keep takes
// all. Those already on the command line are left out.
func Containers(f *factory.Factory, keep func(apicontainer.ContainerState) bool) Func {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), patience)
		defer cancel()
		client := open(ctx, f)
		if client == nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		list, err := client.Containers.List(ctx, container.ListOptions{All: true})
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var names []string
		for _, c := range list {
			if len(c.Names) == 0 || keep != nil && !keep(c.State) {
				continue
			}
			if name := strings.TrimPrefix(c.Names[0], "/"); !slices.Contains(args, name) {
				names = append(names, name)
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// ContainerPaths offers containers as CONTAINER:, and files of the host where the
// word begins no container's name.
func ContainerPaths(f *factory.Factory) Func {
	containers := Containers(f, nil)
	return func(cmd *cobra.Command, _ []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
		var found []cobra.Completion
		if !strings.ContainsAny(word, "./:") {
			names, _ := containers(cmd, nil, word)
			for _, name := range names {
				if strings.HasPrefix(name, word) {
					found = append(found, name+":")
				}
			}
		}
		if len(found) == 0 {
			return nil, cobra.ShellCompDirectiveDefault
		}
		return found, cobra.ShellCompDirectiveNoSpace
	}
}

// Running accepts containers that run, for Containers.
func Running(s apicontainer.ContainerState) bool {
	return s == apicontainer.StateRunning || s == apicontainer.StatePaused
}

// Stopped accepts containers that do not run, for Containers.
func Stopped(s apicontainer.ContainerState) bool { return !Running(s) }

// Images offers the names of images.
func Images(f *factory.Factory) Func {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), patience)
		defer cancel()
		client := open(ctx, f)
		if client == nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		list, err := client.Images.List(ctx, image.ListOptions{})
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var names []string
		for _, img := range list {
			for _, tag := range img.RepoTags {
				if !slices.Contains(args, tag) && tag != "<none>:<none>" {
					names = append(names, tag)
				}
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// Volumes offers the names of volumes.
func Volumes(f *factory.Factory) Func {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), patience)
		defer cancel()
		client := open(ctx, f)
		if client == nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		list, err := client.Volumes.List(ctx, volume.ListOptions{})
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var names []string
		for _, v := range list {
			if !slices.Contains(args, v.Name) {
				names = append(names, v.Name)
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// VolumesAndFiles offers the names of volumes, up to the colon that follows in
// -v, and the shell's own files.
func VolumesAndFiles(f *factory.Factory) Func {
	return func(cmd *cobra.Command, _ []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if strings.HasPrefix(word, "/") || strings.HasPrefix(word, ".") {
			return nil, cobra.ShellCompDirectiveDefault
		}
		names, _ := Volumes(f)(cmd, nil, word)
		for i := range names {
			names[i] += ":"
		}
		return names, cobra.ShellCompDirectiveNoSpace
	}
}

// First limits a completion to the first n arguments.
func First(n int, complete Func) Func {
	return func(cmd *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) >= n {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return complete(cmd, args, word)
	}
}

// Words offers fixed words.
func Words(words ...string) Func {
	return cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)
}

// None offers nothing, not even files.
func None(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveNoFileComp
}
