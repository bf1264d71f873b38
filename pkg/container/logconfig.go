package container

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"

	"github.com/nerd-cli/nerd/pkg/logs/driver"
	"github.com/nerd-cli/nerd/pkg/monitor"
)

// daemonName is what a tag's {{.DaemonName}} says.
const daemonName = "nerd"

// logDefaults fills in the driver that the configuration names, and its options
// where the container has the same driver, as dockerd does.
func logDefaults(lc *container.LogConfig, configured container.LogConfig) {
	if configured.Type == "" {
		configured.Type = driver.JSONFile
	}
	if lc.Type == "" {
		lc.Type = configured.Type
	}
	opts := map[string]string{}
	if lc.Type == configured.Type {
		maps.Copy(opts, configured.Config)
	}
	maps.Copy(opts, lc.Config)
	lc.Config = opts
}

// checkLogConfig refuses a driver that does not exist and options that it does
// not have.
func checkLogConfig(lc container.LogConfig) error {
	if err := driver.Validate(lc.Type, lc.Config); err != nil {
		return errorf(errdefs.ErrInvalidArgument, "%s", err)
	}
	return nil
}

// logFile is where a container's output is kept on this machine; "" if it is not.
func (s *Service) logFile(c *Container) (path, format string) {
	lc := c.HostConfig.LogConfig
	file, err := driver.FileOf(lc.Type, lc.Config)
	switch {
	case err != nil || file == nil: // checkLogConfig has found the error
		return "", ""
	case lc.Type == driver.JSONFile || lc.Type == "":
		return s.cfg.Layout.LogFile(c.ID), file.Format
	case lc.Type == driver.Local:
		return s.cfg.Layout.LocalLog(c.ID), file.Format
	}
	return s.cfg.Layout.CachedLog(c.ID), file.Format
}

// logConfig tells a monitor what becomes of the output. checkLogConfig has found
// every error before.
func (s *Service) logConfig(c *Container, cfg *monitor.Config) {
	lc := c.HostConfig.LogConfig
	cfg.Logger = s.cfg.Logger
	cfg.Buffer = driver.Buffer(lc.Config)
	if file, err := driver.FileOf(lc.Type, lc.Config); err == nil && file != nil {
		cfg.LogPath, _ = s.logFile(c)
		cfg.LogLines = file.Format == driver.FormatLines
		cfg.MaxSize, cfg.MaxFile, cfg.Compress = file.MaxSize, file.MaxFile, file.Compress
	}
	if lc.Type == driver.JSONFile {
		info := logInfo(c)
		cfg.Attrs, _ = info.FileAttributes()
	}
	if driver.IsRemote(lc.Type) {
		cfg.Remote, _ = remoteLog(c) // of strings only
	}
}

// remoteLog is nerd-logger's configuration for a container.
func remoteLog(c *Container) ([]byte, error) {
	return json.Marshal(driver.Remote{Driver: c.HostConfig.LogConfig.Type, Info: logInfo(c)})
}

// logInfo is what messages can tell of a container.
func logInfo(c *Container) driver.Info {
	return driver.Info{
		ContainerID: c.ID, ContainerName: "/" + c.Name, ContainerEntrypoint: c.Path, ContainerArgs: c.Args,
		ContainerImageID: c.ImageID, ContainerImageName: c.ImageRef, ContainerCreated: c.Created,
		ContainerEnv: c.Config.Env, ContainerLabels: c.Config.Labels, Config: c.HostConfig.LogConfig.Config, DaemonName: daemonName,
	}
}

// checkLogger finds out before a container starts whether its log server can be
// reached, as Docker does.
func (s *Service) checkLogger(ctx context.Context, c *Container) error {
	if !driver.IsRemote(c.HostConfig.LogConfig.Type) {
		return nil
	}
	remote, err := remoteLog(c)
	if err == nil {
		err = monitor.CheckLogger(ctx, s.cfg.Logger, remote)
	}
	if err != nil {
		return fmt.Errorf("failed to create task for container: failed to initialize logging driver: %w", err)
	}
	return nil
}
