package compose

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/containerd/errdefs"
	apicontainer "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"

	"github.com/nerd-cli/nerd/pkg/container"
)

// describe makes the container of an action, labels and all, and writes the files
// that it mounts. over are volumes without a name that it takes over.
func (e *Executor) describe(a *Action, over []mount.Mount) (container.CreateOptions, error) {
	c := &converter{project: e.Project, filesDir: e.FilesDir, peer: e.peer}
	b, err := c.convert(withoutAnonymous(a.Service, over), a.Number)
	if err != nil {
		return container.CreateOptions{}, err
	}
	labels, err := e.labels(a)
	if err != nil {
		return container.CreateOptions{}, err
	}
	maps.Copy(b.cfg.Labels, labels)
	b.host.Mounts = append(b.host.Mounts, over...)
	return b.out, writeFiles(b.files)
}

// OneOff describes a container that is run by itself, beside those of the plan.
// slug is its number, so to speak.
func (e *Executor) OneOff(s *types.ServiceConfig, name, slug string) (container.CreateOptions, error) {
	out, err := e.describe(&Action{Kind: Run, Name: name, Service: s, Number: 1}, nil)
	if err != nil {
		return out, err
	}
	out.Name = name
	out.Config.Labels[LabelOneOff], out.Config.Labels[LabelSlug] = "True", slug
	return out, nil
}

func (e *Executor) labels(a *Action) (map[string]string, error) {
	p := e.Project
	attributes, err := attributeMap(p, *a.Service)
	if err != nil {
		return nil, err
	}
	hash, err := hashOf(attributes)
	if err != nil {
		return nil, err
	}
	parts, err := attributesLabel(attributes)
	if err != nil {
		return nil, err
	}
	out := map[string]string{
		LabelProject: p.Name, LabelService: a.Service.Name, LabelNumber: strconv.Itoa(a.Number), LabelOneOff: "False",
		LabelConfigHash: hash, LabelAttributes: parts, LabelDependsOn: dependsOnLabel(a.Service), LabelVersion: e.Version,
		LabelConfigFiles: strings.Join(p.ComposeFiles, ","), LabelWorkingDir: p.WorkingDir,
	}
	if id := e.Observed.Images[ImageName(p, a.Service)]; id != "" {
		out[LabelImage] = id
	}
	if len(e.EnvFiles) > 0 {
		out[LabelEnvFile] = strings.Join(e.EnvFiles, ",")
	}
	if a.Kind == Recreate {
		out[LabelReplace] = a.Container.ID
	}
	return out, nil
}

// peer is the container that stands for a service: the one made here, else the
// first that there is.
func (e *Executor) peer(service string) (string, error) {
	e.mu.Lock()
	id, ok := e.made[service]
	e.mu.Unlock()
	if ok {
		return id, nil
	}
	if found := e.Observed.Of(service); len(found) > 0 {
		return found[0].ID, nil
	}
	return "", fmt.Errorf("service %q has no container", service)
}

// note remembers the first container of a service.
func (e *Executor) note(a *Action, id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.made == nil {
		e.made = map[string]string{}
	}
	if _, ok := e.made[a.Service.Name]; !ok || a.Number == 1 {
		e.made[a.Service.Name] = id
	}
}

func (e *Executor) create(ctx context.Context, a *Action, over []mount.Mount) error {
	opts, err := e.describe(a, over)
	if err != nil {
		return err
	}
	made, err := e.Containers.Create(ctx, opts)
	if err != nil {
		return about(a, err)
	}
	for _, w := range made.Warnings {
		e.warn(w)
	}
	e.note(a, made.ID)
	return nil
}

// about says which container an error is about, unless it does so itself.
func about(a *Action, err error) error {
	if err == nil || strings.Contains(err.Error(), a.Name) {
		return err
	}
	return fmt.Errorf("container %s: %w", a.Name, err)
}

// run makes a container and starts it in one go, which is faster than one after
// the other.
func (e *Executor) run(ctx context.Context, a *Action) error {
	opts, err := e.describe(a, nil)
	if err != nil {
		return err
	}
	id, _, err := e.Containers.Run(ctx, opts, container.StartOptions{Warn: e.warn})
	if err != nil {
		return about(a, err)
	}
	e.note(a, id)
	return e.Hooks(ctx, a.Service.PostStart, id, "post_start")
}

func (e *Executor) start(ctx context.Context, a *Action) error {
	if _, err := e.Containers.Start(ctx, a.Name, container.StartOptions{Warn: e.warn}); err != nil {
		return about(a, err)
	}
	if a.Service == nil {
		return nil
	}
	return e.Hooks(ctx, a.Service.PostStart, a.Name, "post_start")
}

func (e *Executor) restart(ctx context.Context, a *Action) error {
	if err := e.preStop(ctx, a); err != nil {
		return err
	}
	if err := e.Containers.Restart(ctx, a.Container.ID, container.StopOptions{Timeout: a.Timeout}); err != nil {
		return about(a, err)
	}
	if a.Service == nil {
		return nil
	}
	return e.Hooks(ctx, a.Service.PostStart, a.Container.ID, "post_start")
}

// Hooks runs the commands of a service in its container.
func (e *Executor) Hooks(ctx context.Context, hooks []types.ServiceHook, id, name string) error {
	for _, h := range hooks {
		opts := container.ExecOptions{Cmd: h.Command, User: h.User, Privileged: h.Privileged, WorkingDir: h.WorkingDir}
		for _, k := range sortedKeys(h.Environment) {
			if v := h.Environment[k]; v != nil {
				opts.Env = append(opts.Env, k+"="+*v)
			}
		}
		out, err := e.Containers.Exec(ctx, id, opts)
		if err == nil && out.ExitCode != 0 {
			err = fmt.Errorf("exit status %d", out.ExitCode)
		}
		if err != nil {
			return fmt.Errorf("%s hook %q: %w", name, strings.Join(h.Command, " "), err)
		}
	}
	return nil
}

// preStop runs the commands that come before a stop. Their failure is told and
// stops nothing: a container that cannot be stopped is worse.
func (e *Executor) preStop(ctx context.Context, a *Action) error {
	if a.Service == nil || a.Container == nil || a.Container.State != apicontainer.StateRunning {
		return ctx.Err()
	}
	if err := e.Hooks(ctx, a.Service.PreStop, a.Container.ID, "pre_stop"); err != nil {
		e.warn(fmt.Sprintf("container %s: %v", a.Name, err))
	}
	return ctx.Err()
}

func (e *Executor) stop(ctx context.Context, a *Action) error {
	if err := e.preStop(ctx, a); err != nil {
		return err
	}
	return gone(e.Containers.Stop(ctx, a.Container.ID, container.StopOptions{Timeout: a.Timeout}))
}

// gone: what somebody else has removed in the meantime needs nothing more.
func gone(err error) error {
	if errdefs.IsNotFound(err) {
		return nil
	}
	return err
}

// remove stops and removes in one go: half the time of one after the other.
func (e *Executor) remove(ctx context.Context, a *Action, id string) error {
	doing, opts := "Removing", container.RemoveOptions{Force: true, Volumes: a.Volumes}
	if a.Container.Running() {
		doing, opts.Stop = "Stopping", &container.StopOptions{Timeout: a.Timeout}
	}
	return e.shown(id, doing, "Removed", func() error {
		if err := e.preStop(ctx, a); err != nil {
			return err
		}
		return gone(e.Containers.Remove(ctx, a.Container.ID, opts))
	})
}

// recreate puts a new container in the place of the old one, which waits under a
// makeshift name until the new one is there: if this is interrupted, the next
// plan finds either.
func (e *Executor) recreate(ctx context.Context, a *Action) error {
	old := a.Container
	var mounts []mount.Mount
	if !a.Fresh {
		var err error
		if mounts, err = e.anonymous(ctx, a); err != nil {
			return err
		}
	}
	if old.Running() {
		if err := e.stop(ctx, a); err != nil {
			return err
		}
	}
	renamed := old.Name == a.Name
	if renamed {
		if err := e.Containers.Rename(ctx, old.ID, old.ID[:min(12, len(old.ID))]+"_"+old.Name); err != nil {
			return err
		}
	}
	if err := e.create(ctx, a, mounts); err != nil {
		if renamed {
			err = errors.Join(err, e.Containers.Rename(context.WithoutCancel(ctx), old.ID, old.Name))
		}
		return err
	}
	return gone(e.Containers.Remove(context.WithoutCancel(ctx), old.ID, container.RemoveOptions{Force: true}))
}

// anonymous lists the volumes without a name of the container that is replaced,
// for the new one: their content is not lost by a change of the file.
func (e *Executor) anonymous(ctx context.Context, a *Action) ([]mount.Mount, error) {
	info, err := e.Containers.Inspect(ctx, a.Container.ID, container.InspectOptions{})
	if err != nil {
		return nil, err
	}
	taken := map[string]bool{}
	for _, v := range a.Service.Volumes {
		if v.Source != "" || v.Type != types.VolumeTypeVolume {
			taken[filepath.Clean(v.Target)] = true
		}
	}
	for _, t := range a.Service.Tmpfs {
		target, _, _ := strings.Cut(t, ":")
		taken[filepath.Clean(target)] = true
	}
	named := map[string]bool{}
	for _, v := range e.Project.Volumes {
		named[v.Name] = true
	}
	var out []mount.Mount
	for _, m := range info.Mounts {
		if m.Type != mount.TypeVolume || named[m.Name] || taken[filepath.Clean(m.Destination)] || !anonymousName(m.Name) {
			continue
		}
		out = append(out, mount.Mount{Type: mount.TypeVolume, Source: m.Name, Target: m.Destination, ReadOnly: !m.RW})
	}
	return out, nil
}

// withoutAnonymous leaves out the volumes that are taken over.
func withoutAnonymous(s *types.ServiceConfig, over []mount.Mount) *types.ServiceConfig {
	out := *s
	out.Volumes = slices.DeleteFunc(slices.Clone(s.Volumes), func(v types.ServiceVolumeConfig) bool {
		return v.Type == types.VolumeTypeVolume && v.Source == "" &&
			slices.ContainsFunc(over, func(m mount.Mount) bool { return filepath.Clean(m.Target) == filepath.Clean(v.Target) })
	})
	return &out
}

// anonymousName: 64 hexadecimal digits.
func anonymousName(name string) bool {
	return len(name) == 64 && strings.Trim(name, "0123456789abcdef") == ""
}

// writeFiles writes the content of secrets and configs where only root finds it;
// containers have it mounted.
func writeFiles(files []contentFile) error {
	for _, f := range files {
		if _, err := os.Lstat(f.path); err == nil {
			continue // named after its content, so it is the same
		}
		if err := writeFile(f); err != nil {
			return fmt.Errorf("%s: %w", f.path, err)
		}
	}
	return nil
}

// writeFile writes beside the file first, under a name of its own: containers of
// one service are made at the same time, and each wants the same file.
func writeFile(f contentFile) error {
	if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(f.path), ".new-*")
	if err != nil {
		return err
	}
	_, err = tmp.Write(f.content)
	err = errors.Join(err, tmp.Chown(f.uid, f.gid), tmp.Chmod(f.mode), tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), f.path)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(tmp.Name()))
	}
	return err
}
