package container

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	apicontainer "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"

	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
	"github.com/nerd-cli/nerd/pkg/container"
	"github.com/nerd-cli/nerd/pkg/errs"
)

// newRun is the options of `run image`, over a fake.
func newRun(f *fake) (o *RunOptions, out, err *bytes.Buffer) {
	b, out, err := base(f)
	o = &RunOptions{CreateOptions: CreateOptions{Base: b, Pull: pullMissing}, SigProxy: true}
	o.Create = container.CreateOptions{
		Config:     &apicontainer.Config{Image: "image", AttachStdout: true, AttachStderr: true},
		HostConfig: &apicontainer.HostConfig{},
	}
	o.pullImage = func(context.Context, string, string, bool) error { return errors.New("a pull was not expected") }
	o.hasImage = func(context.Context, string) (bool, error) { return false, nil }
	return o, out, err
}

func TestRunDetached(t *testing.T) {
	f := &fake{run: func(_ container.CreateOptions, s container.StartOptions) (string, container.Outcome, error) {
		if s.Attach != nil {
			t.Error("attached")
		}
		return "0123", container.Outcome{}, nil
	}}
	o, out, _ := newRun(f)
	o.Detach = true
	if err := runRun(t.Context(), o); err != nil || out.String() != "0123\n" {
		t.Fatalf("got %q, %v", out, err)
	}
}

func TestRunAttached(t *testing.T) {
	for _, tc := range []struct {
		name  string
		stdin bool
		out   container.Outcome
		want  int
	}{
		{"success", false, container.Outcome{}, 0},
		{"exit status", true, container.Outcome{ExitCode: 42}, 42},
		{"detached by keys", true, container.Outcome{Detached: true, ExitCode: 9}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := &fake{run: func(c container.CreateOptions, s container.StartOptions) (string, container.Outcome, error) {
				if (s.Attach.Stdin != nil) != tc.stdin || s.Attach.Stdout == nil || s.Attach.Stderr == nil || c.Name == "" {
					t.Errorf("got %+v, name %q", s.Attach, c.Name)
				}
				s.Started()
				_, _ = io.WriteString(s.Attach.Stdout, "output")
				return "0123", tc.out, nil
			}}
			o, out, _ := newRun(f)
			o.Create.Config.AttachStdin = tc.stdin
			err := runRun(t.Context(), o)
			if errs.Code(err, 0) != tc.want || out.String() != "output" {
				t.Fatalf("got %q, %v", out, err)
			}
		})
	}
}

// Once the container is let go, signals are its own; they wait until it runs.
func TestRunForwardsSignals(t *testing.T) {
	f := &fake{}
	f.run = func(_ container.CreateOptions, s container.StartOptions) (string, container.Outcome, error) {
		s.Starting()
		if err := syscall.Kill(os.Getpid(), syscall.SIGUSR1); err != nil {
			t.Fatal(err)
		}
		if len(f.calls) != 0 {
			t.Error("signalled before it runs")
		}
		s.Started()
		for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			f.mu.Lock()
			n := len(f.calls)
			f.mu.Unlock()
			if n > 0 {
				break
			}
		}
		return "0123", container.Outcome{ExitCode: 3}, nil
	}
	o, _, _ := newRun(f)
	o.Create.Name = "web"
	if err := runRun(t.Context(), o); errs.Code(err, 0) != 3 {
		t.Fatal(err)
	}
	if len(f.calls) != 1 || f.calls[0] != "kill web 10" {
		t.Fatalf("got %v", f.calls)
	}
}

func TestRunPulls(t *testing.T) {
	absent := notFound("No such image: image:latest")
	for _, tc := range []struct {
		policy  string
		present bool
		runs    int
		pulls   int
		wantErr bool
	}{
		{pullMissing, true, 1, 0, false},
		{pullMissing, false, 2, 1, false},
		{pullAlways, true, 1, 1, false},
		{pullNever, false, 1, 0, true},
	} {
		t.Run(tc.policy, func(t *testing.T) {
			runs, pulls, present := 0, 0, tc.present
			f := &fake{run: func(container.CreateOptions, container.StartOptions) (string, container.Outcome, error) {
				runs++
				if !present {
					return "", container.Outcome{}, absent
				}
				return "0123", container.Outcome{}, nil
			}}
			o, _, stderr := newRun(f)
			o.Pull = tc.policy
			o.pullImage = func(_ context.Context, ref, _ string, _ bool) error {
				pulls++
				present = ref == "image"
				return nil
			}
			err := runRun(t.Context(), o)
			if runs != tc.runs || pulls != tc.pulls || (err != nil) != tc.wantErr {
				t.Fatalf("%d runs, %d pulls, %v", runs, pulls, err)
			}
			if said := strings.Contains(stderr.String(), "Unable to find image 'image:latest' locally"); said != (tc.policy == pullMissing && !tc.present) {
				t.Fatalf("stderr: %q", stderr)
			}
		})
	}
}

// Something else that is not there is no reason to pull.
func TestRunDoesNotPullForOthers(t *testing.T) {
	f := &fake{run: func(container.CreateOptions, container.StartOptions) (string, container.Outcome, error) {
		return "", container.Outcome{}, notFound("network x not found")
	}}
	o, _, _ := newRun(f)
	o.hasImage = func(context.Context, string) (bool, error) { return true, nil }
	if err := runRun(t.Context(), o); err == nil || err.Error() != "network x not found" {
		t.Fatalf("got %v", err)
	}
}

func TestRunDrawsAnotherName(t *testing.T) {
	names := map[string]bool{}
	f := &fake{run: func(c container.CreateOptions, _ container.StartOptions) (string, container.Outcome, error) {
		names[c.Name] = true
		if len(names) < 3 {
			return "", container.Outcome{}, &kinded{"Conflict", errdefs.ErrAlreadyExists}
		}
		return "0123", container.Outcome{}, nil
	}}
	o, _, _ := newRun(f)
	if err := runRun(t.Context(), o); err != nil || len(names) != 3 {
		t.Fatalf("%d names, %v", len(names), err)
	}
	o.Create.Name = "given"
	names = map[string]bool{}
	if err := runRun(t.Context(), o); !errdefs.IsAlreadyExists(err) || len(names) != 1 {
		t.Fatalf("%d names, %v", len(names), err)
	}
}

func TestRunIDFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "id")
	f := &fake{
		create: func(container.CreateOptions) (container.CreateResult, error) {
			return container.CreateResult{ID: "0123", Warnings: []string{"take care"}}, nil
		},
		start: func(id string, _ container.StartOptions) (container.Outcome, error) {
			if written, err := os.ReadFile(path); err != nil || string(written) != id {
				t.Errorf("the file holds %q when %q starts: %v", written, id, err)
			}
			return container.Outcome{ExitCode: 2}, nil
		},
	}
	o, _, stderr := newRun(f)
	o.Create.HostConfig.ContainerIDFile = path
	if err := runRun(t.Context(), o); errs.Code(err, 0) != 2 || stderr.String() != "WARNING: take care\n" {
		t.Fatalf("got %v, %q", err, stderr)
	}
	if err := runRun(t.Context(), o); err == nil || !strings.HasPrefix(err.Error(), "container ID file found") {
		t.Fatalf("got %v", err)
	}
}

func TestRunNeedsTerminal(t *testing.T) {
	o, _, _ := newRun(&fake{})
	o.Create.Config.Tty, o.Create.Config.AttachStdin = true, true
	err := runRun(t.Context(), o)
	if !errors.Is(err, iostreams.ErrNotTerminal) || errs.Code(err, 0) != 1 {
		t.Fatalf("got %v", err)
	}
}

// A terminal has one output, and its size is told.
func TestRunTerminalStreams(t *testing.T) {
	f := &fake{run: func(c container.CreateOptions, s container.StartOptions) (string, container.Outcome, error) {
		if s.Attach.Stderr != nil || s.Attach.Stdout == nil || c.HostConfig.ConsoleSize != [2]uint{24, 100} {
			t.Errorf("got %+v, size %v", s.Attach, c.HostConfig.ConsoleSize)
		}
		if size := <-s.Attach.Resize; size != (container.Size{Height: 24, Width: 100}) {
			t.Errorf("got %v", size)
		}
		return "0123", container.Outcome{}, nil
	}}
	o, _, _ := newRun(f)
	o.IO.SetTerminal(false, true, true, 100)
	o.Create.Config.Tty = true
	if err := runRun(t.Context(), o); err != nil {
		t.Fatal(err)
	}
}

func TestCreate(t *testing.T) {
	f := &fake{create: func(container.CreateOptions) (container.CreateResult, error) {
		return container.CreateResult{ID: "0123"}, nil
	}}
	o, out, _ := newRun(f)
	if err := runCreate(t.Context(), &o.CreateOptions); err != nil || out.String() != "0123\n" {
		t.Fatalf("got %q, %v", out, err)
	}
}

func TestStart(t *testing.T) {
	b, out, stderr := base(&fake{})
	err := runStart(t.Context(), &StartOptions{Base: b, Names: []string{"a", "nosuch", "b"}})
	if out.String() != "a\nb\n" || stderr.String() != "nerd: No such container: nosuch\n" {
		t.Fatalf("got %q, %q", out, stderr)
	}
	if errs.Code(err, 0) != 1 || err.Error() != "failed to start containers: nosuch" {
		t.Fatalf("got %v", err)
	}
	if err := runStart(t.Context(), &StartOptions{Base: b, Names: []string{"a", "b"}, Attach: true}); err == nil {
		t.Fatal("attached to two")
	}
}

func inspected(tty, stdin bool) func(string) (apicontainer.InspectResponse, error) {
	return func(name string) (apicontainer.InspectResponse, error) {
		return apicontainer.InspectResponse{ID: "id-" + name, Config: &apicontainer.Config{Tty: tty, OpenStdin: stdin}}, missing(name)
	}
}

func TestStartAttached(t *testing.T) {
	f := &fake{inspect: inspected(false, true), start: func(id string, s container.StartOptions) (container.Outcome, error) {
		if id != "id-a" || s.Attach == nil || s.Attach.Stdin == nil {
			t.Errorf("got %s, %+v", id, s.Attach)
		}
		return container.Outcome{}, &errs.Start{Code: 127, Err: errors.New("not found")}
	}}
	b, _, _ := base(f)
	err := runStart(t.Context(), &StartOptions{Base: b, Names: []string{"a"}, Attach: true, Interactive: true})
	if errs.Code(err, 0) != 1 {
		t.Fatalf("got %v", err)
	}
}

func TestAttach(t *testing.T) {
	f := &fake{inspect: inspected(false, true), attach: func(id string, o container.AttachOptions) (container.Outcome, error) {
		if id != "id-a" || o.Stdin != nil || o.Stdout == nil || o.Stderr == nil {
			t.Errorf("got %s, %+v", id, o.Streams)
		}
		return container.Outcome{ExitCode: 4}, nil
	}}
	b, _, _ := base(f)
	if err := runAttach(t.Context(), &AttachOptions{Base: b, Name: "a", NoStdin: true, SigProxy: true}); errs.Code(err, 0) != 4 {
		t.Fatalf("got %v", err)
	}
	f.inspect = inspected(true, true)
	if err := runAttach(t.Context(), &AttachOptions{Base: b, Name: "a"}); !errors.Is(err, iostreams.ErrNotTerminal) {
		t.Fatalf("got %v", err)
	}
	if err := runAttach(t.Context(), &AttachOptions{Base: b, Name: "nosuch"}); !errdefs.IsNotFound(err) {
		t.Fatalf("got %v", err)
	}
}

func TestExec(t *testing.T) {
	f := &fake{exec: func(_ string, o container.ExecOptions) (container.Outcome, error) {
		if o.Detach == (o.Stdout != nil) {
			t.Errorf("got %+v", o)
		}
		return container.Outcome{ExitCode: 7}, nil
	}}
	b, _, _ := base(f)
	if err := runExec(t.Context(), &ExecOptions{Base: b, Name: "a"}); errs.Code(err, 0) != 7 {
		t.Fatalf("got %v", err)
	}
	if err := runExec(t.Context(), &ExecOptions{Base: b, Name: "a", Exec: container.ExecOptions{Detach: true, Tty: true}, Interactive: true}); err != nil {
		t.Fatalf("got %v", err)
	}
	if err := runExec(t.Context(), &ExecOptions{Base: b, Name: "a", Exec: container.ExecOptions{Tty: true}, Interactive: true}); !errors.Is(err, iostreams.ErrNotTerminal) {
		t.Fatalf("got %v", err)
	}
}

func TestPort(t *testing.T) {
	ports := network.PortMap{
		network.MustParsePort("443/tcp"): {{HostPort: "8443"}},
		network.MustParsePort("80/tcp"):  {{HostPort: "8080"}, {HostPort: "8081"}},
		network.MustParsePort("80/udp"):  nil,
	}
	for p := range ports {
		for i := range ports[p] {
			ports[p][i].HostIP = mustAddr("0.0.0.0")
		}
	}
	f := &fake{inspect: func(string) (apicontainer.InspectResponse, error) {
		return apicontainer.InspectResponse{NetworkSettings: &apicontainer.NetworkSettings{Ports: ports}}, nil
	}}
	for port, want := range map[string]string{
		"":        "80/tcp -> 0.0.0.0:8080\n80/tcp -> 0.0.0.0:8081\n443/tcp -> 0.0.0.0:8443\n",
		"80":      "0.0.0.0:8080\n0.0.0.0:8081\n",
		"443/tcp": "0.0.0.0:8443\n",
	} {
		b, out, _ := base(f)
		if err := runPort(t.Context(), &PortOptions{Base: b, Name: "a", Port: port}); err != nil || out.String() != want {
			t.Errorf("%q: got %q, %v", port, out, err)
		}
	}
	b, _, _ := base(f)
	if err := runPort(t.Context(), &PortOptions{Base: b, Name: "a", Port: "80/udp"}); err == nil || err.Error() != "no public port '80/udp' published for a" {
		t.Errorf("got %v", err)
	}
}
