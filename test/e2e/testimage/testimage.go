// Package testimage makes container images out of files of this machine, so that
// tests, the benchmark and the demonstration need no registry: a root file system
// around a static busybox, another around one static program.
package testimage

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	digest "github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// File is one entry of a root file system. A name that ends in a slash is a
// folder; Link makes it a symbolic link, Hard another name of a file before it.
type File struct {
	Name     string
	Mode     int64 // permission bits; 0: 0755
	Link     string
	Hard     string
	UID, GID int
	Data     []byte
}

// Image is what Write puts into an archive.
type Image struct {
	Refs   []string // full references, such as localhost/busybox:1; none: untagged
	Files  []File
	Config ocispec.ImageConfig
}

// skeleton is what every root file system here begins with.
var skeleton = []File{
	{Name: "bin/"},
	{Name: "dev/"},
	{Name: "etc/"},
	{Name: "etc/group", Mode: 0o644, Data: []byte("root:x:0:\ndaemon:x:1:\nstaff:x:50:alice\nalice:x:1000:\nnogroup:x:65534:\n")},
	{Name: "etc/passwd", Mode: 0o644, Data: []byte("root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/:/bin/false\nalice:x:1000:1000:Alice:/home/alice:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n")},
	{Name: "home/"},
	{Name: "home/alice/"},
	{Name: "proc/"},
	{Name: "root/", Mode: 0o700},
	{Name: "sys/"},
	{Name: "tmp/", Mode: 0o1777},
	{Name: "usr/"},
	{Name: "var/"},
	{Name: "www/"},
	{Name: "www/index.html", Mode: 0o644, Data: []byte("hello from the container\n")},
}

// Busybox is a root file system around the static busybox at path, with a link
// for each of its applets and a user alice (1000, also in group staff).
func Busybox(path string) ([]File, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read a static busybox (Debian's package is busybox-static): %w", err)
	}
	out, err := exec.Command(path, "--list").Output()
	if err != nil {
		return nil, fmt.Errorf("cannot list the applets of %s: %w", path, err)
	}
	files := append([]File(nil), skeleton...)
	files = append(files,
		File{Name: "bin/busybox", Data: data},
		File{Name: "etc/not-executable", Mode: 0o644, Data: []byte("#!/bin/sh\n")})
	for applet := range strings.FieldsSeq(string(out)) {
		if applet != "busybox" {
			files = append(files, File{Name: "bin/" + applet, Link: "busybox"})
		}
	}
	return files, nil
}

// Volumes are folders that an image declares as volumes, with all that has to
// come along when they are copied: owners, modes, links.
var Volumes = []File{
	{Name: "data/", Mode: 0o1777, UID: 7, GID: 8},
	{Name: "data/file", Mode: 0o640, UID: 5, GID: 6, Data: []byte("from the image\n")},
	{Name: "data/hard", Hard: "data/file", Mode: 0o640, UID: 5, GID: 6},
	{Name: "data/link", Link: "file"},
	{Name: "data/absolute", Link: "/etc/passwd"},
	{Name: "data/sub/", Mode: 0o700, UID: 9, GID: 9},
	{Name: "data/sub/deep", Mode: 0o4755, UID: 1, GID: 2, Data: []byte("deep\n")},
	{Name: "empty/", Mode: 0o750, UID: 3, GID: 4},
	{Name: "alias", Link: "data"},
}

// Program is a root file system that holds the static program at path as /name
// and nothing else that could run.
func Program(path, name string) ([]File, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the program: %w", err)
	}
	return append(append([]File(nil), skeleton...), File{Name: name, Data: data}), nil
}

// Rootfs writes the files as a plain tar, as `import` takes it.
func Rootfs(w io.Writer, files []File) error {
	tw := tar.NewWriter(w)
	for _, f := range files {
		hdr := &tar.Header{Name: f.Name, Mode: f.Mode, Uid: f.UID, Gid: f.GID, Size: int64(len(f.Data)), ModTime: epoch, Format: tar.FormatPAX}
		switch {
		case f.Link != "":
			hdr.Typeflag, hdr.Linkname = tar.TypeSymlink, f.Link
		case f.Hard != "":
			hdr.Typeflag, hdr.Linkname = tar.TypeLink, f.Hard
		case strings.HasSuffix(f.Name, "/"):
			hdr.Typeflag = tar.TypeDir
		}
		if hdr.Mode == 0 {
			hdr.Mode = 0o755
		}
		if err := tw.WriteHeader(hdr); err != nil {
			return fmt.Errorf("cannot write %s: %w", f.Name, err)
		}
		if _, err := tw.Write(f.Data); err != nil {
			return fmt.Errorf("cannot write %s: %w", f.Name, err)
		}
	}
	return tw.Close()
}

// epoch is the time of every file, so that equal input gives equal digests.
var epoch = time.Unix(1700000000, 0).UTC()

// dockerManifest is an element of manifest.json, the index of `docker save`.
type dockerManifest struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// Write writes the image as an archive that `load` takes: an OCI layout with
// Docker's manifest.json beside it, as `docker save` writes since version 25.
func Write(w io.Writer, img Image) error {
	var layer bytes.Buffer
	if err := Rootfs(&layer, img.Files); err != nil {
		return err
	}
	sum := sha256.Sum256(layer.Bytes())
	config := ocispec.Image{
		Created:  &epoch,
		Platform: ocispec.Platform{Architecture: runtime.GOARCH, OS: "linux"},
		Config:   img.Config,
		RootFS:   ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{digest.NewDigestFromEncoded(digest.SHA256, hex.EncodeToString(sum[:]))}},
		History:  []ocispec.History{{Created: &epoch, CreatedBy: "testimage"}},
	}
	configJSON, err := json.Marshal(config)
	if err != nil {
		return err
	}
	manifest := ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageManifest,
		Config:    descriptor(ocispec.MediaTypeImageConfig, configJSON),
		Layers:    []ocispec.Descriptor{descriptor(ocispec.MediaTypeImageLayer, layer.Bytes())},
	}
	manifestJSON, err := json.Marshal(manifest)
	if err != nil {
		return err
	}
	index, docker, err := indexes(img.Refs, manifest, manifestJSON)
	if err != nil {
		return err
	}
	return Rootfs(w, []File{
		{Name: "blobs/"},
		{Name: "blobs/sha256/"},
		blob(configJSON), blob(layer.Bytes()), blob(manifestJSON),
		{Name: ocispec.ImageLayoutFile, Mode: 0o644, Data: []byte(`{"imageLayoutVersion":"1.0.0"}`)},
		{Name: ocispec.ImageIndexFile, Mode: 0o644, Data: index},
		{Name: "manifest.json", Mode: 0o644, Data: docker},
	})
}

// indexes makes index.json and manifest.json, which both list every reference.
func indexes(refs []string, manifest ocispec.Manifest, manifestJSON []byte) (index, docker []byte, err error) {
	desc := descriptor(ocispec.MediaTypeImageManifest, manifestJSON)
	idx := ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex}
	for _, ref := range refs {
		d := desc
		d.Annotations = map[string]string{"io.containerd.image.name": ref, ocispec.AnnotationRefName: ref[strings.LastIndex(ref, ":")+1:]}
		idx.Manifests = append(idx.Manifests, d)
	}
	if len(refs) == 0 {
		idx.Manifests = []ocispec.Descriptor{desc}
	}
	entry := dockerManifest{Config: blobPath(manifest.Config.Digest), RepoTags: refs, Layers: []string{blobPath(manifest.Layers[0].Digest)}}
	if index, err = json.Marshal(idx); err != nil {
		return nil, nil, err
	}
	docker, err = json.Marshal([]dockerManifest{entry})
	return index, docker, err
}

func descriptor(mediaType string, data []byte) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}
}

func blobPath(d digest.Digest) string { return "blobs/sha256/" + d.Encoded() }

func blob(data []byte) File {
	return File{Name: blobPath(digest.FromBytes(data)), Mode: 0o644, Data: data}
}
