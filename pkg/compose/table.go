package compose

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// Table is the list of attributes in Markdown.
func Table() string {
	var b strings.Builder
	b.WriteString("| attribute | state | |\n|---|---|---|\n")
	for _, a := range attributes {
		state := map[State]string{Works: "works", NoEffect: "no effect, with a warning", Refused: "refused"}[a.State]
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", a.Path, state, a.Note)
	}
	return b.String()
}

// obsolete are attributes of Compose 1 that the loader's types have kept and its
// schema has not.
var obsolete = []string{"name", "dockerfile", "log_driver", "log_opt", "net", "#extensions", "volume_driver"}

// serviceKeys lists the attributes of a service that the loader knows.
func serviceKeys() []string {
	var out []string
	var walk func(t reflect.Type)
	walk = func(t reflect.Type) {
		for i := range t.NumField() {
			f := t.Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			switch {
			case f.Anonymous:
				walk(f.Type)
			case name != "" && name != "-" && !slices.Contains(obsolete, name):
				out = append(out, name)
			}
		}
	}
	walk(reflect.TypeFor[types.ServiceConfig]())
	slices.Sort(out)
	return out
}
