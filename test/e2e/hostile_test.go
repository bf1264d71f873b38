package e2e

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/rogpeppe/go-internal/testscript"
)

// cmdHostile writes archives of images whose layers want out of the root file
// system, towards DIR/outside/victim, and others that want too much.
func cmdHostile(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, !neg && len(args) == 1, "hostile DIR")
	dir := ts.MkAbs(args[0])
	outside := filepath.Join(dir, "outside")
	ts.Check(os.MkdirAll(outside, 0o755))
	ts.Check(os.WriteFile(filepath.Join(outside, "victim"), []byte("before\n"), 0o600))
	for name, layers := range hostileLayers(ts, outside) {
		file := filepath.Join(dir, strings.ReplaceAll(name, " ", "-")+".tar")
		ts.Check(os.WriteFile(file, withLayers(ts, ts.Getenv("NAME"), layers...), 0o600))
	}
}

func hostileLayers(ts *testscript.TestScript, outside string) map[string][][]byte {
	victim, up := filepath.Join(outside, "victim"), strings.Repeat("../", 40)
	file := func(name string) tar.Header { return tar.Header{Typeflag: tar.TypeReg, Name: name} }
	sym := func(name, to string) tar.Header {
		return tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: to}
	}
	hard := func(name, to string) tar.Header { return tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: to} }
	many := make([]tar.Header, 50_000)
	for i := range many {
		many[i] = tar.Header{Typeflag: tar.TypeSymlink, Name: fmt.Sprintf("many/%d", i), Linkname: "one"}
	}
	return map[string][][]byte{
		"absolute path":                  {tarLayer(ts, "x", file(victim))},
		"dots":                           {tarLayer(ts, "x", file(up+victim))},
		"link out":                       {tarLayer(ts, "x", sym("d", outside), file("d/victim"))},
		"link out with dots":             {tarLayer(ts, "x", sym("d", up+outside), file("d/victim"))},
		"link out in the layer below":    {tarLayer(ts, "x", sym("d", outside)), tarLayer(ts, "x", file("d/victim"))},
		"link of links":                  {tarLayer(ts, "x", sym("a", "/"), sym("b", "a"+outside), file("b/victim"))},
		"link in a circle":               {tarLayer(ts, "x", sym("a", "b"), sym("b", "a"), file("a/victim"))},
		"hard link out":                  {tarLayer(ts, "x", hard("h", victim), file("h"))},
		"hard link out with dots":        {tarLayer(ts, "x", hard("h", up+victim), file("h"))},
		"hard link through a link":       {tarLayer(ts, "x", sym("d", outside), hard("h", "d/victim"), file("h"))},
		"file replaced by a link":        {tarLayer(ts, "x", file("f"), sym("f", victim), file("f"))},
		"whiteout of a folder above":     {tarLayer(ts, "", file("../.wh."+filepath.Base(outside)))},
		"whiteout through a link":        {tarLayer(ts, "", sym("d", outside), file("d/.wh.victim"))},
		"opaque through a link":          {tarLayer(ts, "", sym("d", outside), file("d/.wh..wh..opq"))},
		"device":                         {tarLayer(ts, "", tar.Header{Typeflag: tar.TypeBlock, Name: "sda", Devmajor: 8})},
		"many entries":                   {tarLayer(ts, "x", append([]tar.Header{file("one")}, many...)...)},
		"zeros":                          {gzipped(ts, tarLayer(ts, strings.Repeat("\x00", 256<<20), file("zeros")))},
		"negative number of a device":    {tarLayer(ts, "", tar.Header{Typeflag: tar.TypeChar, Name: "c", Devmajor: -1, Devminor: -1})},
		"the root itself is no folder":   {tarLayer(ts, "x", file("."))},
		"a name that no file can have":   {tarLayer(ts, "x", file(strings.Repeat("n", 300)))},
		"an entry of an unknown kind":    {tarLayer(ts, "", tar.Header{Typeflag: 'Z', Name: "z"})},
		"whiteout of the root":           {tarLayer(ts, "", file(".wh.."), file(".wh."))},
		"link that replaces its folders": {tarLayer(ts, "x", file("a/b/c"), sym("a", outside), file("a/victim"))},
	}
}

// tarLayer makes a tar of the given entries; files hold text.
func tarLayer(ts *testscript.TestScript, text string, entries ...tar.Header) []byte {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for i := range entries {
		h, text := entries[i], text
		h.Mode = 0o644
		if h.Typeflag == tar.TypeReg {
			if h.Linkname != "" { // carries the text of a file
				h.Linkname, text = "", h.Linkname
			}
			h.Size = int64(len(text))
		}
		ts.Check(w.WriteHeader(&h))
		if h.Typeflag == tar.TypeReg {
			_, err := io.WriteString(w, text)
			ts.Check(err)
		}
	}
	ts.Check(w.Close())
	return buf.Bytes()
}

// withLayers is an archive of an image of these layers, which are what the
// configuration says.
func withLayers(ts *testscript.TestScript, name string, layers ...[]byte) []byte {
	config := struct {
		OS, Architecture string
		RootFS           struct {
			Type    string          `json:"type"`
			DiffIDs []digest.Digest `json:"diff_ids"`
		} `json:"rootfs"`
	}{OS: "linux", Architecture: "amd64"}
	config.RootFS.Type = "layers"
	files := map[string]string{}
	var names []string
	for i, l := range layers {
		plain := l
		if z, err := gzip.NewReader(bytes.NewReader(l)); err == nil {
			plain, err = io.ReadAll(z)
			ts.Check(err)
		}
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, digest.FromBytes(plain))
		names = append(names, fmt.Sprintf("layer%d", i))
		files[names[i]] = string(l)
	}
	files["c"] = mustJSON(ts, config)
	files["manifest.json"] = mustJSON(ts, []any{map[string]any{"Config": "c", "RepoTags": []string{"localhost/" + name + "/hostile:1"}, "Layers": names}})
	var entries []tar.Header
	for file, text := range files {
		entries = append(entries, tar.Header{Typeflag: tar.TypeReg, Name: file, Size: int64(len(text)), Linkname: text})
	}
	return tarLayer(ts, "", entries...)
}

func gzipped(ts *testscript.TestScript, data []byte) []byte {
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	_, err := w.Write(data)
	ts.Check(err)
	ts.Check(w.Close())
	return buf.Bytes()
}

func mustJSON(ts *testscript.TestScript, v any) string {
	data, err := json.Marshal(v)
	ts.Check(err)
	return string(data)
}
