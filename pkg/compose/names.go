package compose

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// Docker Compose's labels: by them its tools, and nerd, know what belongs to a project.
const (
	LabelProject     = "com.docker.compose.project"
	LabelService     = "com.docker.compose.service"
	LabelNumber      = "com.docker.compose.container-number"
	LabelOneOff      = "com.docker.compose.oneoff"
	LabelSlug        = "com.docker.compose.slug"
	LabelConfigHash  = "com.docker.compose.config-hash"
	LabelConfigFiles = "com.docker.compose.project.config_files"
	LabelWorkingDir  = "com.docker.compose.project.working_dir"
	LabelEnvFile     = "com.docker.compose.project.environment_file"
	LabelDependsOn   = "com.docker.compose.depends_on"
	LabelImage       = "com.docker.compose.image"
	LabelReplace     = "com.docker.compose.replace"
	LabelNetwork     = "com.docker.compose.network"
	LabelVolume      = "com.docker.compose.volume"
	LabelVersion     = "com.docker.compose.version"
	// LabelAttributes is nerd's own: a short hash for each attribute, so that the
	// reason for a change can name what has changed.
	LabelAttributes = "nerd.compose.attributes"
)

// oldNames marks a project whose names are those of Docker Compose 1.
const oldNames = "x-nerd-old-names"

// WithOldNames has names be put together with _, as Docker Compose 1 did.
func WithOldNames(p *types.Project) {
	if p.Extensions == nil {
		p.Extensions = types.Extensions{}
	}
	p.Extensions[oldNames] = true
}

// Joined puts the words of a name together: project, service and number.
func Joined(p *types.Project, words ...string) string {
	separator := "-"
	if p.Extensions[oldNames] == true {
		separator = "_"
	}
	return strings.Join(append([]string{p.Name}, words...), separator)
}

// ContainerName is the name of a service's container, Docker Compose's.
func ContainerName(p *types.Project, s *types.ServiceConfig, number int) string {
	if s.ContainerName != "" {
		return s.ContainerName
	}
	return Joined(p, s.Name, strconv.Itoa(number))
}

// ImageName is the image of a service: named, or the one that building it makes.
func ImageName(p *types.Project, s *types.ServiceConfig) string {
	if s.Image != "" {
		return s.Image
	}
	return Joined(p, s.Name)
}

// dependsOnLabel is what a container remembers of its service's dependencies, for
// a `down` without the file.
func dependsOnLabel(s *types.ServiceConfig) string {
	var out []string
	for name, d := range s.DependsOn {
		out = append(out, fmt.Sprintf("%s:%s:%t", name, d.Condition, d.Restart))
	}
	slices.Sort(out)
	return strings.Join(out, ",")
}

// parseDependsOn reads the names in dependsOnLabel.
func parseDependsOn(label string) []string {
	var out []string
	for _, part := range strings.Split(label, ",") {
		if name, _, _ := strings.Cut(part, ":"); name != "" {
			out = append(out, name)
		}
	}
	return out
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
