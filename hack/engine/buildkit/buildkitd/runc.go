package main

import (
	"context"
	"os"

	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/containerd/v2/plugins/snapshots/native"
	"github.com/containerd/containerd/v2/plugins/snapshots/overlay"
	"github.com/moby/buildkit/executor/oci"
	"github.com/moby/buildkit/util/network/netproviders"
	"github.com/moby/buildkit/worker/base"
	"github.com/moby/buildkit/worker/runc"
)

// newRuncWorker is a worker without containerd: its images are nobody else's, and
// its results go to the client. nerd does not start one; it serves as a builder for
// machines on which nothing else of nerd is.
func newRuncWorker(ctx context.Context, cfg *settings) (*base.Worker, error) {
	c := cfg.Workers.OCI
	factory := runc.SnapshotterFactory{Name: "overlayfs", New: func(root string) (snapshots.Snapshotter, error) {
		return overlay.NewSnapshotter(root, overlay.AsynchronousRemove)
	}}
	if c.Snapshotter == "native" {
		factory = runc.SnapshotterFactory{Name: c.Snapshotter, New: native.NewSnapshotter}
	}
	if err := os.MkdirAll(cfg.Root, 0o700); err != nil {
		return nil, err
	}
	opt, err := runc.NewWorkerOpt(cfg.Root, factory, false, oci.ProcessSandbox, c.Labels, nil, netproviders.Opt{Mode: c.Mode}, nil, c.Binary, "", false, nil, "", c.DefaultCgroupParent, nil)
	if err != nil {
		return nil, err
	}
	return base.NewWorker(context.WithoutCancel(ctx), common(opt, cfg, c.GCConfig))
}
