package ctrd

import (
	"context"

	tasksapi "github.com/containerd/containerd/api/services/tasks/v1"
	apitypes "github.com/containerd/containerd/api/types"
	runcoptions "github.com/containerd/containerd/api/types/runc/options"
	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/errdefs/pkg/errgrpc"
	"github.com/containerd/typeurl/v2"
	"google.golang.org/protobuf/types/known/anypb"
)

// Image is a process image of CRIU: the folder it is in, and one for CRIU's logs.
type Image struct{ Dir, Work string }

// Checkpoint writes the processes of a running task into an image; with exit they
// end then.
func (t *tasks) Checkpoint(ctx context.Context, id string, img Image, exit bool) error {
	opts, err := anyOf(&runcoptions.CheckpointOptions{Exit: exit, ImagePath: img.Dir, WorkPath: img.Work})
	if err != nil {
		return err
	}
	_, err = t.api.Checkpoint(ctx, &tasksapi.CheckpointTaskRequest{ContainerID: id, Options: opts})
	return errgrpc.ToNative(err)
}

// Restore is Create for processes that come from an image. They have no pid
// before Start. rt is the container's runtime.
func (t *tasks) Restore(ctx context.Context, id string, rootfs []mount.Mount, io Stdio, rt containers.RuntimeInfo, img Image) error {
	own := &runcoptions.Options{}
	if rt.Options != nil && rt.Options.GetTypeUrl() != "" { // a container without options has an empty value
		if err := typeurl.UnmarshalTo(rt.Options, own); err != nil {
			return err
		}
	}
	own.CriuImagePath, own.CriuWorkPath = img.Dir, img.Work
	opts, err := anyOf(own)
	if err != nil {
		return err
	}
	req := &tasksapi.CreateTaskRequest{
		ContainerID: id, Stdin: io.Stdin, Stdout: io.Stdout, Stderr: io.Stderr, Terminal: io.Terminal, Options: opts,
	}
	for _, m := range rootfs {
		req.Rootfs = append(req.Rootfs, &apitypes.Mount{Type: m.Type, Source: m.Source, Target: m.Target, Options: m.Options})
	}
	_, err = t.api.Create(ctx, req)
	return errgrpc.ToNative(err)
}

// Reason is the cause in an error of the runtime, without the names of the layers
// that it came through.
func Reason(err error) string { return clean(afterPrefixes(lastLine(err.Error()))) }

func anyOf(v any) (*anypb.Any, error) {
	a, err := typeurl.MarshalAny(v)
	if err != nil {
		return nil, err
	}
	return &anypb.Any{TypeUrl: a.GetTypeUrl(), Value: a.GetValue()}, nil
}
