package compose

import (
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
)

const manyBuilt = `
services:
  web:
    image: localhost/web
    platform: linux/arm64
    build:
      context: app
      dockerfile: web.Dockerfile
      args: {A: one}
      target: last
      tags: [localhost/web:two, localhost/web]
      network: host
      shm_size: 64m
      no_cache: true
      pull: true
      privileged: true
      labels: {l: v}
      ulimits: {nofile: {soft: 1, hard: 2}, nproc: 3}
      extra_hosts: ["h=10.0.0.1", "six=[::1]"]
      cache_from: [localhost/cache]
      cache_to: ["type=local,dest=c"]
      platforms: [linux/amd64, linux/arm64]
      ssh: [default, other=/key]
      secrets: [tok, {source: file, target: named}]
      additional_contexts: {b: "service:base", dir: ./dir}
      provenance: mode=max
      sbom: true
  base:
    build: {dockerfile_inline: "FROM img"}
secrets: {tok: {environment: TOK}, file: {file: ./secret}}
`

func TestBuildSpec(t *testing.T) {
	p := project(t, manyBuilt)
	p.Environment["FROMENV"], p.Environment["TOK"] = "fromenv", "value"
	s := p.Services["web"]
	two := "2"
	o, err := BuildSpec(p, &s, BuildOptions{Args: types.MappingWithEquals{"A": &two, "FROMENV": nil, "NOWHERE": nil}, SSH: []string{"third"}}, "v")
	if err != nil {
		t.Fatal(err)
	}
	dir := p.WorkingDir
	for what, ok := range map[string]bool{
		"context":      o.Context == filepath.Join(dir, "app") && o.File == filepath.Join(dir, "app", "web.Dockerfile"),
		"args":         len(o.BuildArgs) == 2 && o.BuildArgs["A"] == "2" && o.BuildArgs["FROMENV"] == "fromenv",
		"tags":         slices.Equal(o.Tags, []string{"localhost/web:latest", "localhost/web:two"}),
		"switches":     o.Target == "last" && o.Network == "host" && o.ShmSize == 64<<20 && o.NoCache && o.Pull && slices.Equal(o.Allow, []string{insecure}),
		"labels":       o.Labels["l"] == "v" && o.Labels[LabelProject] == "p" && o.Labels[LabelService] == "web",
		"ulimits":      slices.Equal(o.Ulimits, []string{"nofile=1:2", "nproc=3:3"}),
		"hosts":        slices.Equal(o.AddHosts, []string{"h=10.0.0.1", "six=::1"}),
		"caches":       len(o.CacheFrom) == 1 && o.CacheFrom[0].Attrs["ref"] == "localhost/cache" && o.CacheTo[0].Type == "local",
		"platforms":    slices.Equal(o.Platforms, []string{"linux/amd64", "linux/arm64"}),
		"ssh":          len(o.SSH) == 3 && o.SSH[1].Paths[0] == "/key" && o.SSH[2].ID == "third",
		"secrets":      len(o.Secrets) == 2 && string(o.Secrets[0].Value) == "value" && o.Secrets[1].ID == "named" && o.Secrets[1].File == filepath.Join(dir, "secret"),
		"contexts":     o.Contexts["b"] == "docker-image://p-base" && o.Contexts["dir"] == filepath.Join(dir, "dir"),
		"attestations": o.Attest["provenance"] == "mode=max" && len(o.Attest) == 2,
	} {
		if !ok {
			t.Errorf("%s: %+v", what, o)
		}
	}
	if o, err = BuildSpec(p, &s, BuildOptions{Here: true}, "v"); err != nil || !slices.Equal(o.Platforms, []string{"linux/arm64"}) {
		t.Errorf("for this machine: %v, %v", o.Platforms, err)
	}
	base := p.Services["base"]
	if o, err = BuildSpec(p, &base, BuildOptions{}, "v"); err != nil || o.File != "-" || !slices.Equal(o.Tags, []string{"docker.io/library/p-base:latest"}) {
		t.Fatalf("%+v, %v", o, err)
	}
	if text, _ := io.ReadAll(o.Stdin); string(text) != "FROM img" {
		t.Errorf("Dockerfile %q", text)
	}
}

func TestBuildSpecErrors(t *testing.T) {
	for attributes, want := range map[string]string{
		"tags: [BAD]":                          "must be lowercase",
		"ulimits: {nofile: 1}, cache_to: [=x]": "build.cache_from",
		"secrets: [none]":                      `required by secret "none" is not set`,
	} {
		p := project(t, "services:\n  a:\n    platform: linux/arm64\n    build: {context: ., "+attributes+"}\nsecrets: {none: {environment: NOT_SET}}\n")
		s := p.Services["a"]
		if _, err := BuildSpec(p, &s, BuildOptions{}, "v"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", attributes, err)
		}
	}
}
