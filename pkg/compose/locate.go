package compose

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v4"
)

// maxNodes bounds what a file may expand to: a few lines of aliases of aliases
// stand for more than any memory holds.
const maxNodes = 1_000_000

// checkYAML finds what is no YAML, with file and line, and files that expand
// beyond measure, before anything expands them.
func checkYAML(files []types.ConfigFile) error {
	for _, f := range files {
		dec := yaml.NewDecoder(bytes.NewReader(f.Content))
		for {
			var doc yaml.Node
			err := dec.Decode(&doc)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return yamlError(f.Filename, err)
			}
			if weight(&doc, map[*yaml.Node]int{}) > maxNodes {
				return fmt.Errorf("%s: aliases expand to more than %d values", f.Filename, maxNodes)
			}
		}
	}
	return nil
}

// yamlError puts file, line and column before what is wrong. The parser counts
// lines from 0 where it says what it was parsing, from 1 elsewhere.
func yamlError(name string, err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	found := match(`^(while .*(?:: |at ))?line (\d+)(?:, column (\d+))?: (.*)$`, text)
	if found == nil {
		return fmt.Errorf("%s: %s", name, text)
	}
	line, _ := strconv.Atoi(found[2]) // digits
	if strings.HasPrefix(found[1], "while parsing") {
		line++
	}
	where := fmt.Sprintf("%s:%d", name, line)
	if found[3] != "" {
		where += ":" + found[3]
	}
	return fmt.Errorf("%s: %s", where, found[4])
}

// match is the first match of an expression and its groups; only errors need one.
func match(expression, text string) []string {
	re, err := regexp.Compile(expression)
	if err != nil {
		return nil
	}
	return re.FindStringSubmatch(text)
}

// weight counts the values below a node with its aliases expanded, up to a bound.
// A node that is being counted counts for nothing: a cycle is another's error.
func weight(n *yaml.Node, seen map[*yaml.Node]int) int {
	if w, ok := seen[n]; ok {
		return w
	}
	seen[n] = 0
	w := 1
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		w += weight(n.Alias, seen)
	}
	for _, c := range n.Content {
		if w += weight(c, seen); w > maxNodes {
			w = maxNodes + 1
			break
		}
	}
	seen[n] = w
	return w
}

// named tells whether a file gives the project its name.
func named(files []types.ConfigFile) bool {
	for _, f := range files {
		var top struct{ Name string }
		if yaml.Unmarshal(f.Content, &top) == nil && top.Name != "" {
			return true
		}
	}
	return false
}

// place is where a value stands in the files, "FILE:LINE: ", or nothing if it
// comes from elsewhere, such as from an included file. Later files win.
func place(files []types.ConfigFile, path ...string) string {
	for i := len(files) - 1; i >= 0; i-- {
		var doc yaml.Node
		if yaml.Unmarshal(files[i].Content, &doc) != nil || len(doc.Content) == 0 {
			continue
		}
		if line := lineOf(doc.Content[0], path); line > 0 {
			return fmt.Sprintf("%s:%d: ", files[i].Filename, line)
		}
	}
	return ""
}

// lineOf is the line of the key that a path leads to, 0 if there is none.
func lineOf(n *yaml.Node, path []string) int {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind == yaml.SequenceNode && len(path) > 0 {
		for i, c := range n.Content {
			if fmt.Sprint(i) == path[0] {
				if len(path) == 1 {
					return c.Line
				}
				return lineOf(c, path[1:])
			}
		}
		return 0
	}
	if n.Kind != yaml.MappingNode || len(path) == 0 {
		return 0
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value != path[0] {
			continue
		}
		if len(path) == 1 {
			return n.Content[i].Line
		}
		return lineOf(n.Content[i+1], path[1:])
	}
	return 0
}

// explain adds the line to an error of the loader, which names at most a file and
// the path of a value: "services.web.ports.0 must be a string", "services.web
// additional properties 'x' not allowed".
func explain(err error, files []types.ConfigFile) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	if other := match(`failed to parse (.+?): `, text); other != nil { // which was included or extended
		if content, readErr := readFile(other[1]); readErr == nil {
			if found := checkYAML([]types.ConfigFile{{Filename: other[1], Content: content}}); found != nil {
				return found
			}
		}
	}
	path := ""
	if found := match(`\b(?:services|networks|volumes|secrets|configs)(?:\.[A-Za-z0-9_-]+)+`, text); found != nil {
		path = found[0]
	}
	quoted := match(`additional properties '([^']+)'`, text)
	var where string
	for steps := splitPath(path); len(steps) > 0 && where == ""; steps = steps[:len(steps)-1] {
		if quoted != nil {
			where = place(files, append(steps[:len(steps):len(steps)], quoted[1])...)
			quoted = nil
		}
		if where == "" {
			where = place(files, steps...)
		}
	}
	if where == "" && quoted != nil {
		where = place(files, quoted[1])
	}
	if where == "" {
		return fromDomain(text, err, files)
	}
	text = strings.Replace(text, " false schema", ": the specification has no such attribute", 1)
	for _, f := range files { // the place names the file already
		text = strings.TrimPrefix(text, "validating "+f.Filename+": ")
	}
	return &placedError{where + text, err}
}

// fromDomain names the file of an error that names none, if there is only one.
func fromDomain(text string, err error, files []types.ConfigFile) error {
	if len(files) == 1 && !strings.Contains(text, files[0].Filename) {
		return &placedError{files[0].Filename + ": " + text, err}
	}
	return err
}

func splitPath(path string) []string {
	if path == "" {
		return nil
	}
	return strings.Split(path, ".")
}

type placedError struct {
	text string
	err  error
}

func (e *placedError) Error() string { return e.text }
func (e *placedError) Unwrap() error { return e.err }
