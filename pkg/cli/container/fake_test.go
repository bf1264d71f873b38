package container

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/containerd/errdefs"
	apicontainer "github.com/moby/moby/api/types/container"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
	"github.com/nerd-cli/nerd/pkg/config"
	"github.com/nerd-cli/nerd/pkg/container"
	"github.com/nerd-cli/nerd/pkg/nerd"
)

// newFactory makes a factory that fails when anything is dialled.
func newFactory(t *testing.T) *factory.Factory {
	t.Helper()
	ios, _, _, _ := iostreams.Test()
	return &factory.Factory{
		IO: ios, Signals: &factory.Signals{}, Close: func() {},
		Config: func() (*config.Config, error) { return &config.Config{}, nil },
		Client: func(context.Context) (*nerd.Client, error) {
			t.Error("containerd was asked")
			return nil, errors.New("no containerd in tests")
		},
	}
}

// execute runs a command line of one command.
func execute(t *testing.T, cmd *cobra.Command, args string) error {
	t.Helper()
	cmd.SetArgs(strings.Fields(args))
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetOut(io.Discard)
	cmd.SetErr(io.Discard)
	return cmd.ExecuteContext(t.Context())
}

// fake is a domain of which a test sets the functions that it expects to be
// called; the others panic.
type fake struct {
	unlinked []string
	Service
	create  func(container.CreateOptions) (container.CreateResult, error)
	run     func(container.CreateOptions, container.StartOptions) (string, container.Outcome, error)
	start   func(string, container.StartOptions) (container.Outcome, error)
	attach  func(string, container.AttachOptions) (container.Outcome, error)
	exec    func(string, container.ExecOptions) (container.Outcome, error)
	list    func(container.ListOptions) ([]apicontainer.Summary, error)
	inspect func(string) (apicontainer.InspectResponse, error)
	logs    func(string, container.LogsOptions) error

	mu    sync.Mutex
	calls []string
}

func (f *fake) record(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, fmt.Sprintf(format, args...))
}

// missing is the domain's error for a container called "nosuch".
func missing(name string) error {
	if name != "nosuch" {
		return nil
	}
	return notFound("No such container: " + name)
}

type kinded struct {
	text string
	kind error
}

func (k *kinded) Error() string { return k.text }
func (k *kinded) Unwrap() error { return k.kind }

func notFound(text string) error { return &kinded{text, errdefs.ErrNotFound} }

func (f *fake) Create(_ context.Context, o container.CreateOptions) (container.CreateResult, error) {
	return f.create(o)
}

func (f *fake) Run(_ context.Context, o container.CreateOptions, s container.StartOptions) (string, container.Outcome, error) {
	return f.run(o, s)
}

func (f *fake) Start(_ context.Context, name string, o container.StartOptions) (container.Outcome, error) {
	if f.start != nil {
		return f.start(name, o)
	}
	return container.Outcome{}, missing(name)
}

func (f *fake) Attach(_ context.Context, name string, o container.AttachOptions) (container.Outcome, error) {
	return f.attach(name, o)
}

func (f *fake) Exec(_ context.Context, name string, o container.ExecOptions) (container.Outcome, error) {
	return f.exec(name, o)
}

func (f *fake) List(_ context.Context, o container.ListOptions) ([]apicontainer.Summary, error) {
	return f.list(o)
}

func (f *fake) Inspect(_ context.Context, name string, _ container.InspectOptions) (apicontainer.InspectResponse, error) {
	return f.inspect(name)
}

func (f *fake) Logs(_ context.Context, name string, o container.LogsOptions) error {
	return f.logs(name, o)
}

func (f *fake) Wait(_ context.Context, name string, _ container.WaitCondition) (int64, error) {
	return int64(len(name)), missing(name)
}

func (f *fake) Stop(_ context.Context, name string, o container.StopOptions) error {
	f.record("stop %s %s %d", name, o.Signal, *o.Timeout)
	return missing(name)
}

func (f *fake) Restart(_ context.Context, name string, _ container.StopOptions) error {
	f.record("restart %s", name)
	return missing(name)
}

func (f *fake) Kill(_ context.Context, name, signal string) error {
	f.record("kill %s %s", name, signal)
	return missing(name)
}

func (f *fake) Remove(_ context.Context, name string, _ container.RemoveOptions) error {
	return missing(name)
}

func (f *fake) Unlink(_ context.Context, ref string) error {
	f.unlinked = append(f.unlinked, ref)
	return nil
}

func (f *fake) Rename(_ context.Context, name, to string) error {
	f.record("rename %s %s", name, to)
	return missing(name)
}

func (f *fake) Pause(_ context.Context, name string) error {
	f.record("pause %s", name)
	return missing(name)
}

func (f *fake) Update(_ context.Context, name string, o container.UpdateOptions) ([]string, error) {
	f.record("update %s %d", name, o.Resources.Memory)
	return []string{"careful"}, missing(name)
}

func (f *fake) Unpause(_ context.Context, name string) error {
	f.record("unpause %s", name)
	return missing(name)
}

// base is a Base over a fake, and its output.
func base(f *fake) (b Base, out, err *bytes.Buffer) {
	ios, _, out, err := iostreams.Test()
	return Base{
		IO: ios, Signals: &factory.Signals{},
		Service: func(context.Context) (Service, error) { return f, nil },
	}, out, err
}
