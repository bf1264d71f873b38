package buildrun

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/cli/opts"

	"github.com/nerd-cli/nerd/pkg/build"
	clibuild "github.com/nerd-cli/nerd/pkg/cli/build"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
)

func options(change func(*clibuild.Options)) *clibuild.Options {
	streams, _, _, _ := iostreams.Test()
	o := &clibuild.Options{Factory: &factory.Factory{IO: streams}, Context: ".", Ulimits: opts.NewUlimitOpt(nil)}
	change(o)
	return o
}

func TestParse(t *testing.T) {
	got, err := parse(options(func(o *clibuild.Options) {
		o.Tags, o.Platforms, o.Outputs, o.Load = []string{"a"}, []string{"linux/amd64,linux/arm64"}, []string{"out"}, true
		o.Provenance, o.Attest, o.Check = "false", []string{"type=provenance,mode=max", "type=sbom"}, true
	}))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Platforms) != 2 || len(got.Outputs) != 2 || got.Outputs[1].Type != "image" || got.Call != "lint" {
		t.Errorf("%+v", got)
	}
	if _, ok := got.Attest["provenance"]; ok || len(got.Attest) != 1 {
		t.Errorf("attestations: %v", got.Attest)
	}
	got, err = parse(options(func(o *clibuild.Options) { o.Outputs = []string{"type=registry,name=a"} }))
	if err != nil || !got.Push || !slices.Equal(got.Tags, []string{"docker.io/library/a:latest"}) {
		t.Errorf("%+v, %v", got, err)
	}
	for want, change := range map[string]func(*clibuild.Options){
		"tag is needed":     func(o *clibuild.Options) { o.Push = true },
		"add --load":        func(o *clibuild.Options) { o.Outputs, o.IIDFile = []string{"out"}, "f" },
		"must be lowercase": func(o *clibuild.Options) { o.Tags = []string{"BAD"} },
		"has no id":         func(o *clibuild.Options) { o.Secrets = []string{"src=x"} },
		"invalid ssh":       func(o *clibuild.Options) { o.SSH = []string{"=x"} },
		"type required":     func(o *clibuild.Options) { o.CacheTo = []string{"dest=x"} },
		"key=value":         func(o *clibuild.Options) { o.Contexts = []string{"x"} },
		"add-host":          func(o *clibuild.Options) { o.AddHosts = []string{"x"} },
		"annotation":        func(o *clibuild.Options) { o.Annotations = []string{"x"} },
		"attestation type":  func(o *clibuild.Options) { o.Attest = []string{"type=x"} },
		"invalid value":     func(o *clibuild.Options) { o.SBOM = "x" },
	} {
		if _, err := parse(options(change)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestFilters(t *testing.T) {
	got, unused, err := filters(map[string][]string{"until": {"24h"}, "type": {"regular"}, "id": {"x"}, "shared": {"false"}, "inuse": {"true"}})
	if err != nil || unused != 24*time.Hour || !slices.Equal(got, []string{"id~=x", "inuse", "private", "type==regular"}) {
		t.Errorf("%v %v, %v", got, unused, err)
	}
	for key, value := range map[string]string{"until": "soon", "shared": "x", "inuse": "false", "nothing": "1"} {
		if _, _, err := filters(map[string][]string{key: {value}}); err == nil {
			t.Errorf("%s=%s is taken", key, value)
		}
	}
}

func TestVerdict(t *testing.T) {
	for code, bad := range map[string]bool{"": false, "0": false, "1": true, "x": false} {
		if err := verdict(&build.Result{Call: map[string][]byte{"result.statuscode": []byte(code)}}); (err != nil) != bad {
			t.Errorf("%q: %v", code, err)
		}
	}
}
