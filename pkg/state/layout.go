// Package state knows where everything is kept on disk and how it is written:
// paths, file locks, atomic writes and process identities. Other packages ask
// it for a path; none joins one by itself.
package state

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// Default roots, as the design fixes them.
const (
	DefaultDataRoot  = "/var/lib/nerd"
	DefaultRunRoot   = "/run/nerd"
	DefaultNamespace = "default"
)

// reserved are names directly below the roots that a namespace cannot take.
var reserved = []string{"engine", "net", "netns", "networks", "ipam", "ports", "bin"}

// Layout maps the objects of one containerd namespace to paths. Data survives a
// reboot, Run does not. Networks, addresses and network namespaces are shared by
// all containerd namespaces of a host, so their paths do not contain it.
type Layout struct {
	Data      string // data root, /var/lib/nerd
	Run       string // run-time root, /run/nerd
	Namespace string // containerd namespace
}

// NewLayout fills empty fields with the defaults and rejects a namespace that
// is not a path element or that collides with a folder of nerd's own.
func NewLayout(data, run, namespace string) (Layout, error) {
	l := Layout{Data: data, Run: run, Namespace: namespace}
	if l.Data == "" {
		l.Data = DefaultDataRoot
	}
	if l.Run == "" {
		l.Run = DefaultRunRoot
	}
	if l.Namespace == "" {
		l.Namespace = DefaultNamespace
	}
	if strings.ContainsAny(l.Namespace, "/\x00") || strings.HasPrefix(l.Namespace, ".") || slices.Contains(reserved, l.Namespace) {
		return Layout{}, fmt.Errorf("namespace %q cannot be used: choose another name with --namespace", l.Namespace)
	}
	return l, nil
}

// Container is the folder of a container's bulky files: log, hosts, resolv.conf.
func (l Layout) Container(id string) string {
	return filepath.Join(l.Data, l.Namespace, "containers", id)
}

// ContainerRun is the folder of a container's run-time files: FIFOs, the
// monitor's socket, the lock.
func (l Layout) ContainerRun(id string) string {
	return filepath.Join(l.Run, l.Namespace, "containers", id)
}

// Containers is the folder that holds every Container folder.
func (l Layout) Containers() string { return filepath.Join(l.Data, l.Namespace, "containers") }

// ContainersRun is the folder that holds every ContainerRun folder.
func (l Layout) ContainersRun() string { return filepath.Join(l.Run, l.Namespace, "containers") }

// NameLock is the lock under which a name's reservation is given up. It exists
// only while it is held.
func (l Layout) NameLock(key string) string { return filepath.Join(l.Run, l.Namespace, "names", key) }

// LogFile is the json-file log of a container, named as Docker names it.
func (l Layout) LogFile(id string) string {
	return filepath.Join(l.Container(id), id+"-json.log")
}

// LocalLog is the log of a container that has log driver local.
func (l Layout) LocalLog(id string) string {
	return filepath.Join(l.Container(id), "local-logs", "container.log")
}

// CachedLog is the local copy of the output of a container whose log driver sends
// it away.
func (l Layout) CachedLog(id string) string {
	return filepath.Join(l.Container(id), "container-cached.log")
}

// PodLogs is where a kubelet keeps the logs of pods.
func (l Layout) PodLogs() string { return "/var/log/pods" }

// ImageCache is the folder of facts derived from image content by digest. It
// can be deleted at any time.
func (l Layout) ImageCache() string { return filepath.Join(l.Data, l.Namespace, "image-cache") }

// ImageMounts is the folder of the places that images are mounted at to be looked
// into.
func (l Layout) ImageMounts() string { return filepath.Join(l.Run, l.Namespace, "images") }

// Manifests is the folder of lists of manifests that are being put together.
func (l Layout) Manifests() string { return filepath.Join(l.Data, l.Namespace, "manifests") }

// Events is the folder of the log of events.
func (l Layout) Events() string { return filepath.Join(l.Data, l.Namespace, "events") }

// Volumes is the folder of the local volume driver.
func (l Layout) Volumes() string { return filepath.Join(l.Data, l.Namespace, "volumes") }

// Compose is the folder of what a Compose project keeps for its containers: the
// content of secrets and configs.
func (l Layout) Compose(project string) string {
	return filepath.Join(l.Data, l.Namespace, "compose", project)
}

// ComposeLock is the lock under which a Compose project is changed.
func (l Layout) ComposeLock(project string) string {
	return filepath.Join(l.Run, l.Namespace, "compose", project+".lock")
}

// Networks is the folder of CNI conflists.
func (l Layout) Networks() string { return filepath.Join(l.Data, "networks") }

// Netns is where the network namespace of a container is pinned.
func (l Layout) Netns(id string) string { return filepath.Join(l.Run, "netns", id) }

// NetRecord is the write-ahead record of what a container holds of the network.
func (l Layout) NetRecord(id string) string { return filepath.Join(l.Run, "net", id+".json") }

// IPAM is the folder in which host-local keeps its leases. It is below the
// run-time root, so a reboot frees every address.
func (l Layout) IPAM() string { return filepath.Join(l.Run, "ipam") }

// Ports is the folder of host port reservations.
func (l Layout) Ports() string { return filepath.Join(l.Run, "ports") }

// Engine is the data folder of the managed engine.
func (l Layout) Engine() string { return filepath.Join(l.Data, "engine") }

// EngineRun is the run-time folder of the managed engine.
func (l Layout) EngineRun() string { return filepath.Join(l.Run, "engine") }

// OtherContainer tells whether a namespace other than the layout's own has a
// folder for the container id.
func (l Layout) OtherContainer(id string) bool {
	found, err := filepath.Glob(filepath.Join(l.Run, "*", "containers", id))
	if err != nil {
		return false
	}
	return slices.ContainsFunc(found, func(path string) bool { return path != l.ContainerRun(id) })
}
