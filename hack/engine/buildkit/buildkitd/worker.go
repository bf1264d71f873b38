package main

import (
	"context"
	"fmt"
	"time"

	ctd "github.com/containerd/containerd/v2/client"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/cmd/buildkitd/config"
	"github.com/moby/buildkit/exporter"
	dockerfileversion "github.com/moby/buildkit/frontend/dockerfile/version"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/util/disk"
	"github.com/moby/buildkit/util/network/cniprovider"
	"github.com/moby/buildkit/util/network/netproviders"
	"github.com/moby/buildkit/version"
	"github.com/moby/buildkit/worker/base"
	"github.com/moby/buildkit/worker/containerd"
	"github.com/sirupsen/logrus"

	"github.com/nerd-cli/nerd/hack/engine/buildkit/direct"
	"github.com/nerd-cli/nerd/hack/engine/deferred"
)

// patience is how long containerd may take to answer.
const patience = 60 * time.Second

// imageWorker is BuildKit's worker for containerd, which stores images faster.
type imageWorker struct {
	*base.Worker
	store *direct.Store // nil if containerd's folder is out of reach
}

func newWorker(ctx context.Context, cfg *settings) (*imageWorker, error) {
	c := cfg.Workers.Containerd
	opt, err := containerd.NewWorkerOpt(containerd.WorkerOptions{
		Root:            cfg.Root,
		Address:         c.Address,
		SnapshotterName: c.Snapshotter,
		Namespace:       c.Namespace,
		CgroupParent:    c.DefaultCgroupParent,
		Labels:          c.Labels,
		NetworkOpt: netproviders.Opt{Mode: c.Mode, CNI: cniprovider.Opt{
			Root: cfg.Root, ConfigPath: c.CNIConfigPath, BinaryDir: c.CNIBinaryPath, PoolSize: c.CNIPoolSize,
		}},
	}, ctd.WithTimeout(patience))
	if err != nil {
		return nil, err
	}
	opt = common(opt, cfg, c.GCConfig)
	w := &imageWorker{}
	exports, err := contentExports(ctx, c.Address)
	if err == nil {
		w.store, err = direct.New(opt.ContentStore.Store, exports["root"], exports[deferred.Name], places(opt))
	}
	if err != nil {
		logrus.Warnf("layers go through containerd: %v", err)
	} else {
		opt.ContentStore.Store = w.store // shared with what applies and compares layers
	}
	w.Worker, err = base.NewWorker(context.WithoutCancel(ctx), opt)
	return w, err
}

// common is what workers of both kinds have.
func common(opt base.WorkerOpt, cfg *settings, gc config.GCConfig) base.WorkerOpt {
	opt.GCPolicy = gcPolicy(gc, cfg.Root)
	opt.BuildkitVersion = client.BuildkitVersion{
		Package: version.Package, Version: version.Version, Revision: version.Revision, DockerfileVersion: dockerfileversion.Version(),
	}
	opt.RegistryHosts = registryHosts(cfg.nerd)
	return opt
}

// finish waits for what is still to be written to the disk.
func (w *imageWorker) finish() {
	if w.store != nil {
		w.store.Close()
	}
}

// Exporter gives the exporter of a kind.
func (w *imageWorker) Exporter(name string, sessions *session.Manager) (exporter.Exporter, error) {
	e, err := w.Worker.Exporter(name, sessions)
	if err != nil || name != client.ExporterImage {
		return e, err
	}
	return &imageExporter{Exporter: e, worker: w}, nil
}

// contentExports asks containerd what it tells of its content store: the folder
// "root", and that of recipes if it has one.
func contentExports(ctx context.Context, address string) (map[string]string, error) {
	c, err := ctd.New(address, ctd.WithTimeout(patience))
	if err != nil {
		return nil, err
	}
	defer c.Close()
	resp, err := c.IntrospectionService().Plugins(ctx, "type==io.containerd.content.v1,id==content")
	if err != nil {
		return nil, err
	}
	for _, p := range resp.Plugins {
		if p.Exports["root"] != "" {
			return p.Exports, nil
		}
	}
	return nil, fmt.Errorf("containerd at %s does not say where its content is", address)
}

// gcPolicy is BuildKit's own, as Docker's is, unless the configuration has one.
func gcPolicy(cfg config.GCConfig, root string) []client.PruneInfo {
	if cfg.GC != nil && !*cfg.GC {
		return nil
	}
	stat, _ := disk.GetDiskStat(root) // without it the limits are fixed numbers
	if len(cfg.GCPolicy) == 0 {
		cfg.GCPolicy = config.DefaultGCPolicy(cfg, stat)
	}
	var out []client.PruneInfo
	for _, rule := range cfg.GCPolicy {
		out = append(out, client.PruneInfo{
			Filter:        rule.Filters,
			All:           rule.All,
			KeepDuration:  rule.KeepDuration.Duration,
			ReservedSpace: rule.ReservedSpace.AsBytes(stat),
			MaxUsedSpace:  rule.MaxUsedSpace.AsBytes(stat),
			MinFreeSpace:  rule.MinFreeSpace.AsBytes(stat),
		})
	}
	return out
}
