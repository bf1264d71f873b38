// Package format writes what commands show, in Docker's layouts: tables, JSON and
// the user's templates.
package format

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/docker/cli/cli/command/formatter"
	"github.com/docker/cli/templates"
	"github.com/moby/moby/api/types/container"

	"github.com/nerd-cli/nerd/pkg/errs"
)

// Usage is the help text of --format.
const Usage = `Layout: "table", "table TEMPLATE", "json" or a Go template`

// exitBadTemplate is the exit status for a template that does not parse, as in
// Docker (EX_USAGE).
const exitBadTemplate = 64

// UsesField says whether a template may use a field, so that what is costly to
// find out is left out where nobody looks at it. JSON uses every field.
func UsesField(text, field string) bool {
	f := formatter.Format(text)
	compact := strings.ReplaceAll(text, " ", "")
	return f.IsJSON() || strings.Contains(compact, "{{json.}}") || f.Contains("."+field)
}

// Containers writes a list of containers.
func Containers(w io.Writer, layout formatter.Format, noTrunc bool, list []container.Summary) error {
	ctx := formatter.Context{Output: w, Format: layout, Trunc: !noTrunc}
	shown, veiled := veilSlashes(list)
	if !veiled {
		return formatter.ContainerWrite(ctx, list)
	}
	var buf bytes.Buffer
	ctx.Output = &buf
	if err := formatter.ContainerWrite(ctx, shown); err != nil {
		return err
	}
	_, err := w.Write(bytes.ReplaceAll(buf.Bytes(), []byte(veil), []byte("/")))
	return err
}

// veil stands for a slash while the formatter works: it takes a name with slashes
// for a link between containers and leaves it out. A rune of the private area
// is as wide and is in no name.
const veil = "\uE000"

// veilSlashes hides the slashes in names such as k8s://NAMESPACE/POD.
func veilSlashes(list []container.Summary) (out []container.Summary, found bool) {
	out = slices.Clone(list)
	for i, c := range out {
		if len(c.Names) != 1 || strings.Count(c.Names[0], "/") < 2 {
			continue
		}
		out[i].Names, found = []string{strings.ReplaceAll(strings.TrimPrefix(c.Names[0], "/"), "/", veil)}, true
	}
	return out, found
}

// Value writes one value: as JSON on one line for "json", else through the
// template.
func Value(w io.Writer, text string, value any) error {
	if text == formatter.JSONFormatKey {
		text = formatter.JSONFormat
	}
	tmpl, err := templates.Parse(text)
	if err != nil {
		return badTemplate(err)
	}
	var buf bytes.Buffer
	if err := tmpl.Execute(&buf, value); err != nil {
		return fmt.Errorf("template parsing error: %w", err)
	}
	buf.WriteByte('\n')
	_, err = buf.WriteTo(w)
	return err
}

func badTemplate(err error) error {
	return &errs.Exit{Code: exitBadTemplate, Err: fmt.Errorf("template parsing error: %w", err)}
}

// Inspector writes objects the way `docker inspect` does: all of them in one
// indented JSON array, or each through a template on lines of its own.
type Inspector struct {
	out   io.Writer
	text  string
	found []any
	lines bytes.Buffer
	write func(any) error
}

// NewInspector makes an Inspector; text is the value of --format.
func NewInspector(out io.Writer, text string) (*Inspector, error) {
	in := &Inspector{out: out, text: text}
	switch text {
	case "", formatter.JSONFormatKey:
		in.write = func(v any) error {
			in.found = append(in.found, v)
			return nil
		}
		return in, nil
	}
	tmpl, err := templates.Parse(text)
	if err != nil {
		return nil, badTemplate(err)
	}
	in.write = func(v any) error {
		var buf bytes.Buffer
		if err := tmpl.Execute(&buf, v); err != nil {
			// The keys of the JSON may be meant, as in {{.Config.Labels}} of a
			// document that has fields beyond the typed ones.
			buf.Reset()
			raw, rawErr := generic(v)
			if rawErr != nil {
				return rawErr
			}
			if err := tmpl.Option("missingkey=error").Execute(&buf, raw); err != nil {
				return fmt.Errorf("template parsing error: %w", err)
			}
		}
		// An absent address prints like this, and as nothing in Docker.
		_, err := in.lines.Write(append(bytes.ReplaceAll(buf.Bytes(), []byte("invalid IP"), nil), '\n'))
		return err
	}
	return in, nil
}

// Add takes one object.
func (in *Inspector) Add(v any) error { return in.write(v) }

// Flush writes all that was added. Without a template, nothing is an empty array.
func (in *Inspector) Flush() error {
	switch in.text {
	case "":
		return writeArray(in.out, in.found, "    ")
	case formatter.JSONFormatKey:
		return writeArray(in.out, in.found, "")
	}
	if in.lines.Len() == 0 {
		return nil
	}
	_, err := in.lines.WriteTo(in.out)
	return err
}

func writeArray(w io.Writer, list []any, indent string) error {
	if len(list) == 0 {
		_, err := io.WriteString(w, "[]\n")
		return err
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	return enc.Encode(list)
}

// generic is v as maps and slices, with the keys of its JSON.
func generic(v any) (any, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var out any
	err = dec.Decode(&out)
	return out, err
}
