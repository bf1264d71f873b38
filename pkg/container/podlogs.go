package container

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/errdefs"
)

// What the CRI plugin knows of a container, and labels that the kubelet gives it.
const (
	extCRI      = "io.cri-containerd.container.metadata"
	labelPodUID = "io.kubernetes.pod.uid"
)

// podLog is the log of a container that others made. The CRI plugin keeps its path
// in its record; where that is missing it follows from the labels, and the
// container's last attempt is meant.
func (s *Service) podLog(ctx context.Context, c *Container) (string, error) {
	raw, err := s.store.Get(ctx, c.ID)
	if err != nil {
		return "", unreachable(err)
	}
	if path := criLogPath(raw); path != "" {
		return path, nil
	}
	labels := raw.Labels
	folder := strings.Join([]string{labels[labelPodNamespace], labels[labelPod], labels[labelPodUID]}, "_")
	name := labels[labelPodContainer]
	if labels[labelPod] != "" && name != "" && safeElement(folder) && safeElement(name) {
		if path := lastAttempt(filepath.Join(s.cfg.Layout.PodLogs(), folder, name)); path != "" {
			return path, nil
		}
	}
	return "", errorf(errdefs.ErrFailedPrecondition, "the logs of container %s are not known: it was made neither by nerd nor by a kubelet", c.Name)
}

// criLogPath reads the path from the CRI plugin's record. It is empty if the
// container has no log.
func criLogPath(raw containers.Container) string {
	ext, ok := raw.Extensions[extCRI]
	if !ok {
		return ""
	}
	var meta struct {
		Metadata struct{ LogPath string }
	}
	if json.Unmarshal(ext.GetValue(), &meta) != nil || !filepath.IsAbs(meta.Metadata.LogPath) {
		return ""
	}
	return filepath.Clean(meta.Metadata.LogPath)
}

// safeElement refuses labels that would lead out of the folder of logs.
func safeElement(name string) bool {
	return name != "" && name != "." && name != ".." && !strings.ContainsAny(name, "/\x00")
}

// lastAttempt is the log with the highest number in a container's folder.
func lastAttempt(dir string) string {
	found, err := filepath.Glob(filepath.Join(globQuote(dir), "[0-9]*.log"))
	if err != nil {
		return ""
	}
	best, path := -1, ""
	for _, name := range found {
		n, err := strconv.Atoi(strings.TrimSuffix(filepath.Base(name), ".log"))
		if err == nil && n > best {
			best, path = n, name
		}
	}
	return path
}

// globQuote keeps what is special in a pattern from being so.
func globQuote(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}
