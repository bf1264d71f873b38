package compose

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/docker/cli/templates"
)

// layout writes rows: as a table of columns, as JSON, or through a template.
type layout struct {
	text    string // of --format
	columns string // template of the table: "{{.Name}}\t{{.Image}}"
	headers map[string]string
	pad     int  // least width of a column
	array   bool // JSON is one array rather than an object a line
}

func (l layout) write(w io.Writer, rows []any) error {
	text := l.text
	switch text {
	case "json":
		return l.json(w, rows)
	case "", "table", "pretty":
		text = "table " + l.columns
	}
	body, table := strings.CutPrefix(text, "table ")
	tmpl, err := templates.Parse(strings.ReplaceAll(body, `\t`, "\t"))
	if err != nil {
		return fmt.Errorf("template parsing error: %w", err)
	}
	var buf bytes.Buffer
	if table {
		if err := tmpl.Execute(&buf, l.headers); err != nil {
			return fmt.Errorf("template parsing error: %w", err)
		}
		buf.WriteByte('\n')
	}
	for _, r := range rows {
		if err := tmpl.Execute(&buf, r); err != nil {
			return fmt.Errorf("template parsing error: %w", err)
		}
		buf.WriteByte('\n')
	}
	if !table {
		_, err := buf.WriteTo(w)
		return err
	}
	tw := tabwriter.NewWriter(w, l.pad, 1, 3, ' ', 0)
	if _, err := buf.WriteTo(tw); err != nil {
		return err
	}
	return tw.Flush()
}

func (l layout) json(w io.Writer, rows []any) error {
	if l.array {
		if rows == nil {
			rows = []any{}
		}
		return json.NewEncoder(w).Encode(rows)
	}
	enc := json.NewEncoder(w)
	for _, r := range rows {
		if err := enc.Encode(r); err != nil {
			return err
		}
	}
	return nil
}
