package registry

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/google/go-cmp/cmp"
)

func TestSearch(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/search" || r.URL.Query().Get("q") != "web/server" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		fmt.Fprintf(w, `{"results":[{"name":"a","star_count":9,"is_official":true,"description":"n=%s"},{"name":"b","star_count":1}]}`, r.URL.Query().Get("n"))
	}))
	defer server.Close()
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }))
	defer page.Close()
	r := New(Config{})
	yes, no := true, false
	for _, c := range []struct {
		opts SearchOptions
		want string
	}{
		{SearchOptions{}, "a b"}, {SearchOptions{MinStars: 2}, "a"}, {SearchOptions{Official: &yes}, "a"}, {SearchOptions{Official: &no}, "b"},
	} {
		found, err := r.Search(t.Context(), host(server)+"/web/server", c.opts)
		var names []string
		for _, f := range found {
			names = append(names, f.Name)
		}
		if got := strings.Join(names, " "); got != c.want || err != nil {
			t.Errorf("%+v: %q %v", c.opts, got, err)
		}
	}
	for _, term := range []string{host(server) + "/other", host(page) + "/x"} {
		if _, err := r.Search(t.Context(), term, SearchOptions{}); !errdefs.IsNotImplemented(err) || !strings.Contains(err.Error(), "has no search") {
			t.Errorf("%s: %v", term, err)
		}
	}
	for _, limit := range []int{-1, 101} {
		if _, err := r.Search(t.Context(), "x", SearchOptions{Limit: limit}); !errdefs.IsInvalidArgument(err) {
			t.Errorf("limit %d: %v", limit, err)
		}
	}
	if _, err := r.Search(t.Context(), "https://a/b", SearchOptions{}); !errdefs.IsInvalidArgument(err) {
		t.Errorf("a scheme: %v", err)
	}
}

func TestSplitTerm(t *testing.T) {
	for term, want := range map[string][2]string{
		"web": {searchHost, "web"}, "library/web": {searchHost, "web"}, "me/web": {searchHost, "me/web"},
		"docker.io/me/web": {searchHost, "me/web"}, "localhost/web": {"localhost", "web"}, "a.b:1/c/d": {"a.b:1", "c/d"},
	} {
		if h, w := splitTerm(term); h != want[0] || w != want[1] {
			t.Errorf("%s: %s %s", term, h, w)
		}
	}
}

func TestPlan(t *testing.T) {
	ca := newAuthority(t)
	ca.issue(t, "client")
	server := ca.serve(t, tls.NoClientCert)
	files := map[string]string{"hosts.toml": fmt.Sprintf("server = %q\nca = %q\nclient = [[%q, %q]]\n[host.\"http://mirror.test:5000\"]\ncapabilities = [\"pull\"]\n",
		server.URL, filepath.Join(ca.dir, "ca.crt"), filepath.Join(ca.dir, "client.crt"), filepath.Join(ca.dir, "client.key"))}
	dir := hostsDir(t, "registry.test", files)
	auth := dockerConfig(t, server.Listener.Addr().String())
	ref, err := reference.ParseNormalizedNamed("registry.test/app:1")
	if err != nil {
		t.Fatal(err)
	}
	plan, err := New(Config{HostsDirs: []string{dir}, DockerConfigDir: auth}).Plan(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	want := &Plan{Image: "registry.test/app:1", Folder: filepath.Join(dir, "registry.test"), Hosts: []Host{
		{URL: "http://mirror.test:5000/v2", Mirror: true, Capabilities: []string{"pull"}, PlainHTTP: true},
		{
			URL: server.URL + "/v2", Capabilities: []string{"resolve", "pull", "push"}, Verified: true, PrivateCA: true,
			ClientCert: "CN=client", User: user, Source: filepath.Join(auth, "config.json"),
		},
	}}
	if diff := cmp.Diff(want, plan); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(fmt.Sprintf("%+v", plan), secret) {
		t.Error("it tells the secret")
	}
	insecure, err := New(Config{}).Insecure().Plan(t.Context(), ref)
	if err != nil || insecure.Hosts[0].Verified || !insecure.Hosts[0].PlainHTTP {
		t.Errorf("insecure: %+v, %v", insecure, err)
	}
}
