package format

import (
	"bytes"
	"strings"
	"testing"

	"github.com/docker/cli/cli/command/formatter"
	"github.com/moby/moby/api/types/container"

	"github.com/nerd-cli/nerd/pkg/errs"
)

func TestUsesField(t *testing.T) {
	for text, want := range map[string]bool{
		"": false, "table": false, "{{.ID}}": false, "{{.Size}}": true, "table {{.ID}}\t{{ .Size }}": true, "json": true, "{{ json . }}": true, "{{json .Names}}": false,
	} {
		if got := UsesField(text, "Size"); got != want {
			t.Errorf("%q: got %t", text, got)
		}
	}
}

func TestValue(t *testing.T) {
	value := map[string]any{"A": 1, "B": "<x>"}
	for text, want := range map[string]string{
		"json":               "{\"A\":1,\"B\":\"<x>\"}\n",
		"{{.A}}":             "1\n",
		"{{json .B}}":        "\"<x>\"\n",
		"{{.B | upper}}":     "<X>\n",
		"{{println .A}}done": "1\ndone\n",
	} {
		var out bytes.Buffer
		if err := Value(&out, text, value); err != nil || out.String() != want {
			t.Errorf("%q: got %q, %v", text, &out, err)
		}
	}
	var out bytes.Buffer
	if err := Value(&out, "{{", value); errs.Code(err, 0) != 64 || !strings.HasPrefix(err.Error(), "template parsing error: ") {
		t.Errorf("got %v", err)
	}
	if err := Value(&out, "{{.A.B}}", value); err == nil || out.Len() != 0 {
		t.Errorf("got %v, %q", err, &out)
	}
}

func TestInspector(t *testing.T) {
	type object struct {
		Name   string
		Labels map[string]string `json:"labels,omitempty"`
	}
	objects := []any{object{Name: "a", Labels: map[string]string{"x": "<1>"}}, object{Name: "b"}}
	for text, want := range map[string]string{
		"":                 "[\n    {\n        \"Name\": \"a\",\n        \"labels\": {\n            \"x\": \"<1>\"\n        }\n    },\n    {\n        \"Name\": \"b\"\n    }\n]\n",
		"json":             `[{"Name":"a","labels":{"x":"<1>"}},{"Name":"b"}]` + "\n",
		"{{.Name}}":        "a\nb\n",
		"{{json .Labels}}": "{\"x\":\"<1>\"}\nnull\n",
		"{{.Labels.x}}":    "<1>\n<no value>\n",
	} {
		var out bytes.Buffer
		in, err := NewInspector(&out, text)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range objects {
			if err := in.Add(o); err != nil {
				t.Errorf("%q: %v", text, err)
			}
		}
		if err := in.Flush(); err != nil || out.String() != want {
			t.Errorf("%q: got\n%s%v", text, &out, err)
		}
	}
}

func TestInspectorEmpty(t *testing.T) {
	for text, want := range map[string]string{"": "[]\n", "json": "[]\n", "{{.Name}}": ""} {
		var out bytes.Buffer
		in, err := NewInspector(&out, text)
		if err != nil {
			t.Fatal(err)
		}
		if err := in.Flush(); err != nil || out.String() != want {
			t.Errorf("%q: got %q, %v", text, &out, err)
		}
	}
	if _, err := NewInspector(&bytes.Buffer{}, "{{"); errs.Code(err, 0) != 64 {
		t.Errorf("got %v", err)
	}
}

func TestContainers(t *testing.T) {
	var out bytes.Buffer
	list := []container.Summary{{ID: strings.Repeat("a", 64), Names: []string{"/x"}}}
	if err := Containers(&out, formatter.NewContainerFormat("{{.ID}}", false, false), true, list); err != nil || out.String() != list[0].ID+"\n" {
		t.Errorf("got %q, %v", &out, err)
	}
}

// The name of a pod's container has slashes, and is shown all the same.
func TestNamesWithSlashes(t *testing.T) {
	list := []container.Summary{{ID: "1", Names: []string{"/k8s://shop/web/app"}}, {ID: "2", Names: []string{"/plain"}}}
	for layout, want := range map[formatter.Format]string{
		"{{.Names}}":       "k8s://shop/web/app\nplain\n",
		"table {{.Names}}": "NAMES\nk8s://shop/web/app\nplain\n",
	} {
		for _, noTrunc := range []bool{false, true} {
			var out bytes.Buffer
			if err := Containers(&out, layout, noTrunc, list); err != nil || out.String() != want {
				t.Errorf("%s, %t: %q, %v", layout, noTrunc, out.String(), err)
			}
		}
	}
	if list[0].Names[0] != "/k8s://shop/web/app" {
		t.Errorf("the list was changed: %q", list[0].Names)
	}
}
