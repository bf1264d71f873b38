package build

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	contentlocal "github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/moby/buildkit/client/ociindex"
	digest "github.com/opencontainers/go-digest"
)

// addLayout offers an image of an OCI layout on disk, PATH[:TAG][@DIGEST], and
// gives back how the frontend is to call it.
func (j *job) addLayout(name, text string) (string, error) {
	path, want, pinned := strings.Cut(text, "@")
	tag := ""
	if !exists(path) {
		if i := strings.LastIndex(path, ":"); i > 0 && !strings.Contains(path[i:], "/") {
			path, tag = path[:i], path[i+1:]
		}
	}
	if _, err := os.Stat(filepath.Join(path, "index.json")); errors.Is(err, os.ErrNotExist) {
		return "", invalid("build context %s: %s is no OCI layout: it has no index.json", name, path)
	}
	if !pinned {
		found, err := layoutDigest(path, tag)
		if err != nil {
			return "", fmt.Errorf("build context %s: %w", name, err)
		}
		want = found
	}
	if _, err := digest.Parse(want); err != nil {
		return "", invalid("build context %s: invalid digest %q", name, want)
	}
	store, err := contentlocal.NewStore(path)
	if err != nil {
		return "", fmt.Errorf("build context %s: %w", name, err)
	}
	id := fmt.Sprintf("layout%d", len(j.solve.OCIStores))
	j.solve.OCIStores[id] = store
	return "oci-layout://" + id + "@" + want, nil
}

// layoutDigest is the image of a tag, or the only one there is.
func layoutDigest(path, tag string) (string, error) {
	index := ociindex.NewStoreIndex(path)
	if tag == "" {
		if desc, err := index.GetSingle(); err == nil && desc != nil {
			return desc.Digest.String(), nil
		}
		tag = "latest"
	}
	desc, err := index.Get(tag)
	if err != nil {
		return "", err
	}
	if desc == nil {
		return "", invalid("no image %q in the OCI layout %s", tag, path)
	}
	return desc.Digest.String(), nil
}
