package bake

import (
	"fmt"
	"path/filepath"
	"strings"
)

// here is the folder in which the command runs, for definitions from elsewhere.
const here = "cwd://"

// BuildPaths are the context and the Dockerfile as a build takes them: the path
// of the Dockerfile counts from the context on, and a context that is fetched has
// it within.
func (t *Target) BuildPaths() (dir, file string, err error) {
	dir, file = strings.TrimPrefix(*t.Context, here), *t.Dockerfile
	if dir == "" {
		dir = "."
	}
	switch {
	case dir == "-":
		return "", "", fmt.Errorf("target %s: context from stdin not allowed in bake", t.Name)
	case file == "-":
		return "", "", fmt.Errorf("target %s: dockerfile from stdin not allowed in bake", t.Name)
	case t.DockerfileInline != nil:
		return dir, "-", nil
	case strings.HasPrefix(file, here):
		return dir, strings.TrimPrefix(file, here), nil
	case filepath.IsAbs(file) || strings.Contains(dir, "://") || strings.HasPrefix(dir, "git@"):
		return dir, file, nil
	}
	return dir, filepath.Join(dir, file), nil
}
