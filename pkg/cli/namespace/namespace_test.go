package namespace

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"reflect"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
	"github.com/nerd-cli/nerd/pkg/namespace"
)

// service notes what it is asked for.
type service struct{ calls []string }

func (s *service) note(words ...string) error {
	s.calls = append(s.calls, strings.Join(words, " "))
	if words[len(words)-1] == "none" {
		return errors.New("No such namespace: none")
	}
	return nil
}

func (s *service) List(context.Context) ([]namespace.Namespace, error) {
	return []namespace.Namespace{{Name: "default", Containers: 2}, {Name: "k8s.io", Labels: map[string]string{"b": "2", "a": "1"}, Images: 3, Volumes: 1}}, nil
}

func (s *service) Get(_ context.Context, name string) (namespace.Namespace, error) {
	return namespace.Namespace{Name: name, Labels: map[string]string{}}, s.note("get", name)
}

func (s *service) Create(_ context.Context, name string, labels map[string]string) error {
	return s.note("create", labels["k"], name)
}

func (s *service) SetLabels(_ context.Context, name string, labels map[string]string) error {
	return s.note("label", labels["k"], name)
}

func (s *service) Remove(_ context.Context, name string, _ bool) error { return s.note("rm", name) }

func TestLabelFlags(t *testing.T) {
	for _, tc := range []struct {
		make func(*factory.Factory, func(context.Context, *LabelOptions) error) *cobra.Command
		args string
		want map[string]string
		fail bool
	}{
		{NewCmdCreate, "x", map[string]string{}, false},
		{NewCmdCreate, "-l a=1 --label b=2=3 x", map[string]string{"a": "1", "b": "2=3"}, false},
		{NewCmdUpdate, "x -l a=", map[string]string{"a": ""}, false},
		{NewCmdCreate, "", nil, true},
		{NewCmdUpdate, "x y", nil, true},
		{NewCmdCreate, "-l =1 x", nil, true},
	} {
		var got *LabelOptions
		ios, _, _, _ := iostreams.Test()
		cmd := tc.make(&factory.Factory{IO: ios}, func(_ context.Context, o *LabelOptions) error { got = o; return nil })
		cmd.SetArgs(strings.Fields(tc.args))
		cmd.SetOut(&bytes.Buffer{})
		cmd.SetErr(&bytes.Buffer{})
		err := cmd.Execute()
		if (err != nil) != tc.fail || !tc.fail && (got.Name != "x" || !maps.Equal(got.Labels, tc.want)) {
			t.Errorf("%s: %+v, %v", tc.args, got, err)
		}
	}
}

func TestRun(t *testing.T) {
	ios, _, out, _ := iostreams.Test()
	s := &service{}
	base := Base{IO: ios, Service: func(context.Context) (Service, error) { return s, nil }}
	ctx := t.Context()
	for i, err := range []error{
		runCreate(ctx, &LabelOptions{Base: base, Name: "n", Labels: map[string]string{"k": "v"}}),
		runUpdate(ctx, &LabelOptions{Base: base, Name: "n", Labels: map[string]string{"k": "w"}}),
		runInspect(ctx, &InspectOptions{Base: base, Names: []string{"n"}, Format: "{{.Name}}"}),
	} {
		if err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
	if err := runRemove(ctx, &RemoveOptions{Base: base, Names: []string{"none", "n"}}); err == nil {
		t.Error("one that is not there was removed")
	}
	if err := runUpdate(ctx, &LabelOptions{Base: base, Name: "n"}); err == nil {
		t.Error("nothing was updated, without a word")
	}
	if want := []string{"create v n", "label w n", "get n", "rm none", "rm n"}; !reflect.DeepEqual(s.calls, want) {
		t.Errorf("calls %q", s.calls)
	}
	if got := out.String(); got != "n\nn\nn\n" {
		t.Errorf("printed %q", got)
	}
}

func TestList(t *testing.T) {
	list, err := (&service{}).List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		format string
		quiet  bool
		want   string
	}{
		{"", false, "NAME      CONTAINERS   IMAGES    VOLUMES   LABELS\ndefault   2            0         0         \nk8s.io    0            3         1         a=1,b=2\n"},
		{"", true, "default\nk8s.io\n"},
		{`{{.Name}} {{.Label "a"}}`, false, "default \nk8s.io 1\n"},
		{"json", false, `{"Containers":"2","Images":"0","Labels":"","Name":"default","Volumes":"0"}` + "\n" +
			`{"Containers":"0","Images":"3","Labels":"a=1,b=2","Name":"k8s.io","Volumes":"1"}` + "\n"},
	} {
		var out bytes.Buffer
		if err := write(&out, tc.format, tc.quiet, list); err != nil || out.String() != tc.want {
			t.Errorf("%q: %v\n%q\n%q", tc.format, err, out.String(), tc.want)
		}
	}
}
