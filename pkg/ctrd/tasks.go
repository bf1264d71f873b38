package ctrd

import (
	"context"
	"syscall"
	"time"

	tasksapi "github.com/containerd/containerd/api/services/tasks/v1"
	apitypes "github.com/containerd/containerd/api/types"
	tasktypes "github.com/containerd/containerd/api/types/task"
	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/containerd/v2/pkg/protobuf"
	"github.com/containerd/errdefs/pkg/errgrpc"
	"github.com/containerd/typeurl/v2"
	"github.com/opencontainers/runtime-spec/specs-go"
	"google.golang.org/protobuf/types/known/anypb"
)

// RuntimeRunc is containerd's name of the shim for runc and what is called like it.
const RuntimeRunc = "io.containerd.runc.v2"

// Stdio are the FIFOs a process is connected to. An empty path is /dev/null.
type Stdio struct {
	Stdin, Stdout, Stderr string
	Terminal              bool
}

// Exit is how a process ended.
type Exit struct {
	Code uint32 // 128 + signal for a killed one
	At   time.Time
}

// TaskState is the state of a process as its shim tells it.
type TaskState struct {
	PID    uint32
	Status string // created, running, stopped, paused, pausing, unknown
	Exit   Exit   // when stopped
}

// Tasks runs processes in containers. An empty exec id is the container's first
// process. Errors have containerd's errdefs kinds.
type Tasks interface {
	Create(ctx context.Context, id string, rootfs []mount.Mount, io Stdio) (pid uint32, err error)
	Start(ctx context.Context, id, execID string) (pid uint32, err error)
	Exec(ctx context.Context, id, execID string, p *specs.Process, io Stdio) error
	Kill(ctx context.Context, id, execID string, sig syscall.Signal, all bool) error
	Wait(ctx context.Context, id, execID string) (Exit, error)
	Delete(ctx context.Context, id, execID string) (Exit, error)
	Get(ctx context.Context, id, execID string) (TaskState, error)
	Resize(ctx context.Context, id, execID string, width, height uint16) error
	CloseStdin(ctx context.Context, id, execID string) error
	Checkpoint(ctx context.Context, id string, img Image, exit bool) error
	Restore(ctx context.Context, id string, rootfs []mount.Mount, io Stdio, rt containers.RuntimeInfo, img Image) error
	Pause(ctx context.Context, id string) error
	Resume(ctx context.Context, id string) error
	// Update changes the limits of a running container; what r leaves out stays.
	Update(ctx context.Context, id string, r *specs.LinuxResources) error
	List(ctx context.Context) ([]string, error)
}

type tasks struct{ api tasksapi.TasksClient }

func (t *tasks) Create(ctx context.Context, id string, rootfs []mount.Mount, io Stdio) (uint32, error) {
	req := &tasksapi.CreateTaskRequest{
		ContainerID: id,
		Stdin:       io.Stdin,
		Stdout:      io.Stdout,
		Stderr:      io.Stderr,
		Terminal:    io.Terminal,
	}
	for _, m := range rootfs {
		req.Rootfs = append(req.Rootfs, &apitypes.Mount{Type: m.Type, Source: m.Source, Target: m.Target, Options: m.Options})
	}
	resp, err := t.api.Create(ctx, req)
	if err != nil {
		return 0, errgrpc.ToNative(err)
	}
	return resp.Pid, nil
}

func (t *tasks) Start(ctx context.Context, id, execID string) (uint32, error) {
	resp, err := t.api.Start(ctx, &tasksapi.StartRequest{ContainerID: id, ExecID: execID})
	if err != nil {
		return 0, errgrpc.ToNative(err)
	}
	return resp.Pid, nil
}

func (t *tasks) Exec(ctx context.Context, id, execID string, p *specs.Process, io Stdio) error {
	spec, err := typeurl.MarshalAny(p)
	if err != nil {
		return err
	}
	_, err = t.api.Exec(ctx, &tasksapi.ExecProcessRequest{
		ContainerID: id,
		ExecID:      execID,
		Stdin:       io.Stdin,
		Stdout:      io.Stdout,
		Stderr:      io.Stderr,
		Terminal:    io.Terminal,
		Spec:        &anypb.Any{TypeUrl: spec.GetTypeUrl(), Value: spec.GetValue()},
	})
	return errgrpc.ToNative(err)
}

func (t *tasks) Kill(ctx context.Context, id, execID string, sig syscall.Signal, all bool) error {
	_, err := t.api.Kill(ctx, &tasksapi.KillRequest{ContainerID: id, ExecID: execID, Signal: uint32(sig), All: all})
	return errgrpc.ToNative(err)
}

func (t *tasks) Wait(ctx context.Context, id, execID string) (Exit, error) {
	resp, err := t.api.Wait(ctx, &tasksapi.WaitRequest{ContainerID: id, ExecID: execID})
	if err != nil {
		return Exit{}, errgrpc.ToNative(err)
	}
	return Exit{Code: resp.ExitStatus, At: protobuf.FromTimestamp(resp.ExitedAt)}, nil
}

func (t *tasks) Delete(ctx context.Context, id, execID string) (Exit, error) {
	var resp *tasksapi.DeleteResponse
	var err error
	if execID == "" {
		resp, err = t.api.Delete(ctx, &tasksapi.DeleteTaskRequest{ContainerID: id})
	} else {
		resp, err = t.api.DeleteProcess(ctx, &tasksapi.DeleteProcessRequest{ContainerID: id, ExecID: execID})
	}
	if err != nil {
		return Exit{}, errgrpc.ToNative(err)
	}
	return Exit{Code: resp.ExitStatus, At: protobuf.FromTimestamp(resp.ExitedAt)}, nil
}

func (t *tasks) Get(ctx context.Context, id, execID string) (TaskState, error) {
	resp, err := t.api.Get(ctx, &tasksapi.GetRequest{ContainerID: id, ExecID: execID})
	if err != nil {
		return TaskState{}, errgrpc.ToNative(err)
	}
	p := resp.Process
	return TaskState{
		PID:    p.Pid,
		Status: statusName(p.Status),
		Exit:   Exit{Code: p.ExitStatus, At: protobuf.FromTimestamp(p.ExitedAt)},
	}, nil
}

func statusName(s tasktypes.Status) string {
	switch s {
	case tasktypes.Status_CREATED:
		return "created"
	case tasktypes.Status_RUNNING:
		return "running"
	case tasktypes.Status_STOPPED:
		return "stopped"
	case tasktypes.Status_PAUSED:
		return "paused"
	case tasktypes.Status_PAUSING:
		return "pausing"
	}
	return "unknown"
}

func (t *tasks) Resize(ctx context.Context, id, execID string, width, height uint16) error {
	_, err := t.api.ResizePty(ctx, &tasksapi.ResizePtyRequest{
		ContainerID: id, ExecID: execID, Width: uint32(width), Height: uint32(height),
	})
	return errgrpc.ToNative(err)
}

func (t *tasks) CloseStdin(ctx context.Context, id, execID string) error {
	_, err := t.api.CloseIO(ctx, &tasksapi.CloseIORequest{ContainerID: id, ExecID: execID, Stdin: true})
	return errgrpc.ToNative(err)
}

func (t *tasks) Pause(ctx context.Context, id string) error {
	_, err := t.api.Pause(ctx, &tasksapi.PauseTaskRequest{ContainerID: id})
	return errgrpc.ToNative(err)
}

func (t *tasks) Resume(ctx context.Context, id string) error {
	_, err := t.api.Resume(ctx, &tasksapi.ResumeTaskRequest{ContainerID: id})
	return errgrpc.ToNative(err)
}

func (t *tasks) Update(ctx context.Context, id string, r *specs.LinuxResources) error {
	resources, err := typeurl.MarshalAny(r)
	if err != nil {
		return err
	}
	_, err = t.api.Update(ctx, &tasksapi.UpdateTaskRequest{
		ContainerID: id, Resources: &anypb.Any{TypeUrl: resources.GetTypeUrl(), Value: resources.GetValue()},
	})
	return errgrpc.ToNative(err)
}

func (t *tasks) List(ctx context.Context) ([]string, error) {
	resp, err := t.api.List(ctx, &tasksapi.ListTasksRequest{})
	if err != nil {
		return nil, errgrpc.ToNative(err)
	}
	ids := make([]string, 0, len(resp.Tasks))
	for _, p := range resp.Tasks {
		id := p.ContainerID
		if id == "" {
			id = p.ID
		}
		ids = append(ids, id)
	}
	return ids, nil
}
