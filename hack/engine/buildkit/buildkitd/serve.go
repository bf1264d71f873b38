package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/containerd/containerd/v2/defaults"
	"github.com/containerd/containerd/v2/pkg/sys"
	"github.com/gofrs/flock"
	"github.com/moby/buildkit/cache/remotecache"
	"github.com/moby/buildkit/cache/remotecache/inline"
	"github.com/moby/buildkit/cache/remotecache/local"
	"github.com/moby/buildkit/cache/remotecache/registry"
	"github.com/moby/buildkit/control"
	"github.com/moby/buildkit/frontend"
	dockerfile "github.com/moby/buildkit/frontend/dockerfile/builder"
	"github.com/moby/buildkit/frontend/gateway"
	"github.com/moby/buildkit/frontend/gateway/forwarder"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/solver"
	"github.com/moby/buildkit/solver/bboltcachestorage"
	"github.com/moby/buildkit/util/db/boltutil"
	"github.com/moby/buildkit/util/grpcerrors"
	_ "github.com/moby/buildkit/util/grpcutil/encoding/proto" // the codec that clients use
	"github.com/moby/buildkit/worker"
	"github.com/sirupsen/logrus"
	bolt "go.etcd.io/bbolt"
	"go.opentelemetry.io/otel/metric/noop"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/nerd-cli/nerd/hack/engine/buildkit/idle"
)

// run serves until the context ends, or nobody has asked for anything for long.
func run(ctx context.Context, path string) error {
	cfg, err := load(path)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(cfg.Root, 0o700); err != nil {
		return err
	}
	lock := flock.New(filepath.Join(cfg.Root, "buildkitd.lock"))
	if ok, err := lock.TryLock(); err != nil || !ok {
		return fmt.Errorf("another buildkitd works in %s: %w", cfg.Root, errors.Join(err, os.ErrExist))
	}
	defer lock.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w, finish, err := chooseWorker(ctx, cfg)
	if err != nil {
		return err
	}
	defer finish()
	c, err := newController(ctx, cfg, w)
	if err != nil {
		return err
	}
	defer c.Close()
	server := grpc.NewServer(serverOptions(cfg, cancel)...)
	healthv1.RegisterHealthServer(server, health.NewServer())
	c.Register(server)
	l, err := sys.GetLocalListener(strings.TrimPrefix(cfg.GRPC.Address[0], "unix://"), os.Getuid(), os.Getgid())
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	logrus.Infof("running server on %s", cfg.GRPC.Address[0])
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	logrus.Info("stopping server")
	server.GracefulStop()
	return nil
}

func serverOptions(cfg *settings, end func()) []grpc.ServerOption {
	unary := []grpc.UnaryServerInterceptor{grpcerrors.UnaryServerInterceptor}
	stream := []grpc.StreamServerInterceptor{grpcerrors.StreamServerInterceptor}
	if after := cfg.nerd.idle(); after > 0 {
		watch := idle.New(after, func() {
			logrus.Infof("ending: idle for %v", after)
			end()
		})
		unary, stream = append(unary, watch.Unary), append(stream, watch.Stream)
	}
	return []grpc.ServerOption{
		grpc.ChainUnaryInterceptor(unary...),
		grpc.ChainStreamInterceptor(stream...),
		grpc.MaxRecvMsgSize(defaults.DefaultMaxRecvMsgSize),
		grpc.MaxSendMsgSize(defaults.DefaultMaxSendMsgSize),
	}
}

// chooseWorker makes the one worker, that on containerd unless it is switched off.
// The function that comes with it waits for what the worker has still to write.
func chooseWorker(ctx context.Context, cfg *settings) (worker.Worker, func(), error) {
	if on := cfg.Workers.Containerd.Enabled; on == nil || *on {
		w, err := newWorker(ctx, cfg)
		if err != nil {
			return nil, nil, err
		}
		return w, w.finish, nil
	}
	w, err := newRuncWorker(ctx, cfg)
	return w, func() {}, err
}

func newController(ctx context.Context, cfg *settings, w worker.Worker) (*control.Controller, error) {
	sessions, err := session.NewManager()
	if err != nil {
		return nil, err
	}
	hosts := registryHosts(cfg.nerd)
	workers := &worker.Controller{}
	if err := workers.Add(w); err != nil {
		return nil, err
	}
	gw, err := gateway.NewGatewayFrontend(workers.Infos(), nil)
	if err != nil {
		return nil, err
	}
	cache, err := bboltcachestorage.NewStore(filepath.Join(cfg.Root, "cache.db"))
	if err != nil {
		return nil, err
	}
	history, err := boltutil.SafeOpen(filepath.Join(cfg.Root, "history.db"), 0o600, &bolt.Options{FreelistType: bolt.FreelistMapType})
	if err != nil {
		return nil, err
	}
	return control.NewController(control.Opt{
		SessionManager:   sessions,
		WorkerController: workers,
		Frontends: map[string]frontend.Frontend{
			"dockerfile.v0": forwarder.NewGatewayForwarder(workers.Infos(), dockerfile.Build),
			"gateway.v0":    gw,
		},
		ResolveCacheExporterFuncs: map[string]remotecache.ResolveCacheExporterFunc{
			"registry": registry.ResolveCacheExporterFunc(sessions, hosts),
			"local":    local.ResolveCacheExporterFunc(sessions),
			"inline":   inline.ResolveCacheExporterFunc(),
		},
		ResolveCacheImporterFuncs: map[string]remotecache.ResolveCacheImporterFunc{
			"registry": registry.ResolveCacheImporterFunc(sessions, w.ContentStore(), hosts),
			"local":    local.ResolveCacheImporterFunc(sessions),
		},
		CacheManager:   solver.NewCacheManager(context.WithoutCancel(ctx), "local", cache, worker.NewCacheResultStorage(workers)),
		Entitlements:   cfg.Entitlements,
		MeterProvider:  noop.NewMeterProvider(),
		HistoryDB:      history,
		HistoryConfig:  cfg.History,
		CacheStore:     cache,
		LeaseManager:   w.LeaseManager(),
		ContentStore:   w.ContentStore(),
		GarbageCollect: w.GarbageCollect,
		GracefulStop:   ctx.Done(),
	})
}
