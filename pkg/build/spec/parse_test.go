package spec

import (
	"errors"
	"maps"
	"reflect"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
)

func environment(vars map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		v, ok := vars[name]
		return v, ok
	}
}

func TestParseTag(t *testing.T) {
	for _, tt := range []struct{ in, want, err string }{
		{"app", "docker.io/library/app:latest", ""},
		{"a/b:1", "docker.io/a/b:1", ""},
		{"localhost:5000/a:1", "localhost:5000/a:1", ""},
		{"BAD", "", `invalid tag "BAD": repository name must be lowercase`},
		{"a b", "", `invalid tag "a b": invalid reference format`},
		{"", "", `invalid tag "": invalid reference format`},
		{"a@sha256:" + strings.Repeat("0", 64), "", "a digest cannot be chosen"},
	} {
		got, err := ParseTag(tt.in)
		if got != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%q: %q, %v", tt.in, got, err)
		}
		if err != nil && !errors.Is(err, errdefs.ErrInvalidArgument) {
			t.Errorf("%q: kind of %v", tt.in, err)
		}
	}
}

func TestParseSecret(t *testing.T) {
	env := environment(map[string]string{"TOKEN": "x"})
	for _, tt := range []struct {
		in   string
		want Secret
		bad  bool
	}{
		{in: "id=a,src=f", want: Secret{ID: "a", File: "f"}},
		{in: "id=a,source=f,type=file", want: Secret{ID: "a", File: "f"}},
		{in: "id=a,env=TOKEN", want: Secret{ID: "a", Env: "TOKEN"}},
		{in: "type=env,id=a,src=TOKEN", want: Secret{ID: "a", Env: "TOKEN"}},
		{in: "id=TOKEN", want: Secret{ID: "TOKEN", Env: "TOKEN"}},
		{in: "type=env,id=NONE", want: Secret{ID: "NONE", Env: "NONE"}},
		{in: "type=file,id=TOKEN", want: Secret{ID: "TOKEN", File: "TOKEN"}},
		{in: "id=file", want: Secret{ID: "file", File: "file"}},
		{in: `id=a,"src=x,y"`, want: Secret{ID: "a", File: "x,y"}},
		{in: "src=f", bad: true},
		{in: "", bad: true},
		{in: "id", bad: true},
		{in: "id=a,type=x", bad: true},
		{in: "id=a,x=y", bad: true},
		{in: `"id=a`, bad: true},
	} {
		got, err := ParseSecret(tt.in, env)
		if (err != nil) != tt.bad || !tt.bad && !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%q: %+v, %v", tt.in, got, err)
		}
	}
}

func TestParseOutput(t *testing.T) {
	for _, tt := range []struct {
		in    string
		want  Output
		names []string
		push  bool
		err   string
	}{
		{in: "out", want: Output{Type: "local", Dest: "out"}},
		{in: "-", want: Output{Type: "tar", Dest: "-"}},
		{in: "type=tar", want: Output{Type: "tar", Dest: "-"}},
		{in: "type=oci,dest=x.tar,compression=zstd", want: Output{Type: "oci", Dest: "x.tar", Attrs: map[string]string{"compression": "zstd"}}},
		{in: "type=docker", want: Output{Type: "image"}},
		{in: "type=docker,dest=x", want: Output{Type: "docker", Dest: "x"}},
		{in: "type=registry,name=a", want: Output{Type: "image"}, names: []string{"docker.io/library/a:latest"}, push: true},
		{in: `type=image,"name=a:1,b:2",push=true`, want: Output{Type: "image"}, names: []string{"docker.io/library/a:1", "docker.io/library/b:2"}, push: true},
		{in: "type=image,push=maybe", err: "non-bool value specified for push"},
		{in: "type=image,name=BAD", err: "must be lowercase"},
		{in: "type=image,dest=x", err: "dest not supported"},
		{in: "type=local", err: "dest is required for local output"},
		{in: "type=zzz", err: `exporter "zzz" could not be found`},
		{in: "dest=x", err: "type is required"},
		{in: "type=tar,dest", err: "invalid value dest"},
		{in: "", err: "empty value"},
	} {
		got, names, push, err := ParseOutput(tt.in)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%q: %v", tt.in, err)
			}
			continue
		}
		if err != nil || got.Type != tt.want.Type || got.Dest != tt.want.Dest || len(got.Attrs) != len(tt.want.Attrs) || !reflect.DeepEqual(names, tt.names) || push != tt.push {
			t.Errorf("%q: %+v %v %t, %v", tt.in, got, names, push, err)
		}
	}
}

func TestParseCache(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want Cache
		bad  bool
	}{
		{in: "user/app:cache", want: Cache{Type: "registry", Attrs: map[string]string{"ref": "user/app:cache"}}},
		{in: "type=local,src=d", want: Cache{Type: "local", Attrs: map[string]string{"src": "d"}}},
		{in: "type=inline", want: Cache{Type: "inline", Attrs: map[string]string{}}},
		{in: "src=d", bad: true},
		{in: "", bad: true},
		{in: "type=local,src", bad: true},
	} {
		got, err := ParseCache(tt.in)
		if (err != nil) != tt.bad || !tt.bad && !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%q: %+v, %v", tt.in, got, err)
		}
	}
}

func TestParseRest(t *testing.T) {
	env := environment(map[string]string{"A": "from env"})
	if got := ParseArgs([]string{"A", "B", "C=", "D=x=y"}, env); !maps.Equal(got, map[string]string{"A": "from env", "C": "", "D": "x=y"}) {
		t.Errorf("arguments: %v", got)
	}
	if got := ParseLabels([]string{"a", "b=c"}); !maps.Equal(got, map[string]string{"a": "", "b": "c"}) {
		t.Errorf("labels: %v", got)
	}
	hosts, err := ParseHosts([]string{"db:10.0.0.1", "db=10.0.0.1", "six:fd00::7", "six=[fd00::7]"})
	if err != nil || strings.Join(hosts, " ") != "db=10.0.0.1 db=10.0.0.1 six=fd00::7 six=fd00::7" {
		t.Errorf("hosts: %v, %v", hosts, err)
	}
	for _, bad := range []string{"", "db", ":1", "db:"} {
		if _, err := ParseHosts([]string{bad}); err == nil {
			t.Errorf("host %q is taken", bad)
		}
	}
	names, err := ParseContextNames([]string{"base=dir", "busybox:latest=docker-image://x", "a/b:1=https://x=y"})
	if err != nil || !maps.Equal(names, map[string]string{"base": "dir", "busybox": "docker-image://x", "a/b:1": "https://x=y"}) {
		t.Errorf("contexts: %v, %v", names, err)
	}
	for _, bad := range []string{"base", "BASE=x", "=x"} {
		if _, err := ParseContextNames([]string{bad}); err == nil {
			t.Errorf("context %q is taken", bad)
		}
	}
	if s, err := ParseSSH("default"); err != nil || s.ID != "default" || s.Paths != nil {
		t.Errorf("%+v, %v", s, err)
	}
	if s, err := ParseSSH("key=a,b"); err != nil || s.ID != "key" || len(s.Paths) != 2 {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := ParseSSH("=x"); err == nil {
		t.Error("an agent without a name is taken")
	}
	notes, err := ParseAnnotations([]string{"a=b", "index,manifest[linux/amd64]:c=d"})
	if want := map[string]string{"annotation-manifest.a": "b", "annotation-index.c": "d", "annotation-manifest[linux/amd64].c": "d"}; err != nil || !maps.Equal(notes, want) {
		t.Errorf("%v, %v", notes, err)
	}
	for _, bad := range []string{"a", "x:a=b", "=b"} {
		if _, err := ParseAnnotations([]string{bad}); err == nil {
			t.Errorf("annotation %q is taken", bad)
		}
	}
	kind, attrs, err := ParseAttest("type=provenance,mode=max")
	if kind != "provenance" || attrs != "mode=max" || err != nil {
		t.Errorf("%s %s, %v", kind, attrs, err)
	}
	for _, bad := range []string{"mode=max", "type=x", "type=sbom,disabled=x", "type"} {
		if _, _, err := ParseAttest(bad); err == nil {
			t.Errorf("attestation %q is taken", bad)
		}
	}
}

// What comes from a command line may be anything.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"type=oci,dest=x", "id=a,src=b", `"a=b,c"`, "-", "", "type=image,name=a"} {
		f.Add(s)
	}
	env := environment(nil)
	f.Fuzz(func(t *testing.T, s string) {
		if o, _, _, err := ParseOutput(s); err == nil && (o.Type == "" || o.Attrs == nil) {
			t.Errorf("%q: %+v", s, o)
		}
		if v, err := ParseSecret(s, env); err == nil && (v.ID == "" || v.File == "" && v.Env == "") {
			t.Errorf("%q: %+v", s, v)
		}
		if c, err := ParseCache(s); err == nil && c.Type == "" {
			t.Errorf("%q: %+v", s, c)
		}
		if tag, err := ParseTag(s); err == nil && !strings.Contains(tag, ":") {
			t.Errorf("%q: %s", s, tag)
		}
	})
}
