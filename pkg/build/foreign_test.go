package build

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	digest "github.com/opencontainers/go-digest"

	"github.com/nerd-cli/nerd/pkg/build/spec"
)

func TestCheckAddress(t *testing.T) {
	for address, ok := range map[string]bool{
		"unix:///run/b.sock": true, "tcp://host:1": true, "ssh://host": false, "/run/b.sock": false, "unix://": false, "": false,
	} {
		if err := CheckAddress(address); (err == nil) != ok {
			t.Errorf("%q: %v", address, err)
		}
	}
}

// elsewhere is a store that keeps what it receives, or refuses it.
type elsewhere struct {
	got    string
	refuse error
	local  []LocalImage
}

func (e *elsewhere) Local(context.Context) ([]LocalImage, content.Store, error) {
	return e.local, nil, nil
}

func (e *elsewhere) Receive(_ context.Context, archive io.Reader) error {
	if e.refuse != nil {
		return e.refuse
	}
	buf := make([]byte, 3)
	_, err := io.ReadFull(archive, buf)
	e.got = string(buf)
	return err
}

func TestStream(t *testing.T) {
	full, broken := errors.New("no space left"), errors.New("a step failed")
	for name, tt := range map[string]struct {
		send         string
		refuse, fail error
		want         error
	}{
		"whole": {send: "tar with padding"}, "store": {send: "tar", refuse: full, want: full}, "builder": {fail: broken, want: broken}, "cut": {send: "t", fail: broken, want: broken},
	} {
		t.Run(name, func(t *testing.T) {
			e := &elsewhere{refuse: tt.refuse}
			s := &stream{foreign: e, ctx: t.Context()}
			if tt.send != "" {
				w, err := s.open(nil)
				if err != nil {
					t.Fatal(err)
				}
				_, werr := io.WriteString(w, tt.send)
				if (werr != nil) != (tt.refuse != nil) {
					t.Error(werr)
				}
				if err := w.Close(); err != nil {
					t.Error(err)
				}
				if _, err := s.open(nil); err == nil {
					t.Error("a second image is taken")
				}
			}
			if err := s.wait(tt.fail); !errors.Is(err, tt.want) {
				t.Error(err)
			}
		})
	}
	if err := (&stream{}).wait(nil); err == nil {
		t.Error("no image is no error")
	}
}

// asked is a frontend that has the stages "one" and "Two".
type asked struct {
	gateway.Client
	requests []gateway.SolveRequest
}

func (a *asked) Solve(_ context.Context, req gateway.SolveRequest) (*gateway.Result, error) {
	a.requests = append(a.requests, req)
	res := gateway.NewResult()
	if req.FrontendOpt["requestid"] == "frontend.targets" {
		res.AddMeta("result.json", []byte(`{"targets": [{"name": "one"}, {"name": "Two"}]}`))
	}
	return res, nil
}

func TestOfferLocal(t *testing.T) {
	dir := write(t, t.TempDir(), "Dockerfile")
	j, err := planned(t, &spec.Options{Context: dir, Contexts: map[string]string{"given": "docker-image://x"}})
	if err != nil {
		t.Fatal(err)
	}
	id := digest.FromString("x")
	e := &elsewhere{}
	for _, name := range []string{"one:latest", "two:latest", "given:latest", "base:latest", "base:2"} {
		e.local = append(e.local, LocalImage{name, id, []string{"linux/amd64"}})
	}
	if err := j.addLocal(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	req, err := j.request(t.Context(), &asked{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, key := range spec.Names(req.FrontendOpt) {
		if strings.HasPrefix(key, "context:") {
			got = append(got, key)
		}
	}
	if want := "context:base:2::linux/amd64 context:base::linux/amd64 context:given"; strings.Join(got, " ") != want {
		t.Error(got)
	}
	if req.FrontendOpt["context:base::linux/amd64"] != "oci-layout://local@"+id.String() {
		t.Error(req.FrontendOpt)
	}
	pulled, err := planned(t, &spec.Options{Context: dir, Pull: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := pulled.addLocal(t.Context(), e); err != nil || pulled.local != nil {
		t.Errorf("--pull: %v, %v", pulled.local, err)
	}
}

func TestToStream(t *testing.T) {
	j := &job{opts: &spec.Options{}}
	if err := j.addOutputs(&elsewhere{}); err != nil {
		t.Fatal(err)
	}
	if len(j.solve.Exports) != 1 || j.solve.Exports[0].Type != client.ExporterOCI || j.solve.Exports[0].Attrs["unpack"] != "" || !j.image {
		t.Errorf("%+v", j.solve.Exports)
	}
}

func TestLinks(t *testing.T) {
	dir := write(t, t.TempDir(), "Dockerfile", "named/file")
	deepest := &spec.Options{Context: dir, Contexts: map[string]string{"n": dir + "/named"}}
	middle := &spec.Options{Context: dir, Links: map[string]*spec.Options{"deepest": deepest}, Secrets: []spec.Secret{{ID: "s", Env: "S"}}}
	j, err := planned(t, &spec.Options{Context: dir, Links: map[string]*spec.Options{"middle": middle}})
	if err != nil {
		t.Fatal(err)
	}
	for _, mount := range []string{"context", "dockerfile", "link0-context", "link0-dockerfile", "link0-link0-context", "link0-link0-n"} {
		if j.solve.LocalMounts[mount] == nil {
			t.Errorf("%s is not offered: %v", mount, j.solve.LocalMounts)
		}
	}
	front := &asked{}
	req, err := j.request(t.Context(), front)
	if err != nil {
		t.Fatal(err)
	}
	if len(front.requests) != 2 || front.requests[0].FrontendOpt["context:n"] != "local:link0-link0-n" || front.requests[1].FrontendOpt["contextkey"] != "link0-context" {
		t.Errorf("%+v", front.requests)
	}
	if req.FrontendOpt["context:middle"] != "input:context:middle" || req.FrontendInputs["context:middle"] == nil || len(j.opts.Secrets) != 1 {
		t.Errorf("%+v", req)
	}
	_, err = planned(t, &spec.Options{Context: dir, Secrets: []spec.Secret{{ID: "s", Env: "other"}}, Links: map[string]*spec.Options{"middle": middle}})
	if err == nil || !strings.Contains(err.Error(), "secret s is different") {
		t.Error(err)
	}
}
