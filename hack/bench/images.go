package main

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// imagesCount is how many images are listed.
const imagesCount = 300

func imagesRef(i int) string { return fmt.Sprintf("localhost/nerd-bench-%d:1", i) }

// prepareImages loads images that differ in their configuration and share a layer.
func prepareImages(ctx context.Context, t *tool) (err error) {
	f, err := os.CreateTemp("", "nerd-bench-images-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	if err := writeImages(f); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return t.load(ctx, f.Name())
}

func writeImages(w io.Writer) error {
	var layer bytes.Buffer
	if err := writeTar(&layer, map[string][]byte{"file": []byte("hello")}); err != nil {
		return err
	}
	type rootfs struct {
		Type    string   `json:"type"`
		DiffIDs []string `json:"diff_ids"`
	}
	type entry struct {
		Config           string
		RepoTags, Layers []string
	}
	files := map[string][]byte{"layer": layer.Bytes()}
	var manifest []entry
	for i := range imagesCount {
		config, err := json.Marshal(map[string]any{
			"os": "linux", "architecture": "amd64", "config": map[string]any{"Labels": map[string]string{"number": fmt.Sprint(i)}},
			"rootfs": rootfs{"layers", []string{fmt.Sprintf("sha256:%x", sha256.Sum256(layer.Bytes()))}},
		})
		if err != nil {
			return err
		}
		name := fmt.Sprint("config", i)
		files[name] = config
		manifest = append(manifest, entry{name, []string{imagesRef(i)}, []string{"layer"}})
	}
	var err error
	if files["manifest.json"], err = json.Marshal(manifest); err != nil {
		return err
	}
	return writeTar(w, files)
}

func writeTar(w io.Writer, files map[string][]byte) error {
	out := tar.NewWriter(w)
	for name, data := range files {
		if err := out.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(data))}); err != nil {
			return err
		}
		if _, err := out.Write(data); err != nil {
			return err
		}
	}
	return out.Close()
}

func listImages(ctx context.Context, t *tool, _ int) error {
	if t.isCtr() {
		return t.do(ctx, "images", "ls")
	}
	return t.do(ctx, "images")
}

func removeImages(ctx context.Context, t *tool) {
	verb := []string{"rmi", "-f"}
	if t.isCtr() {
		verb = []string{"images", "rm"}
	}
	for i := range imagesCount {
		verb = append(verb, imagesRef(i))
	}
	_ = t.do(ctx, verb...) // they may not have been loaded
}
