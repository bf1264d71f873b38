package bake

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// Entry is what a flag such as --output takes, KEY=VALUE,KEY=VALUE. A bake file
// has it as that text or as a map.
type Entry map[string]string

type (
	// Attests are entries of --attest.
	Attests = List[attestKind]
	// Caches are entries of --cache-from and --cache-to.
	Caches = List[cacheKind]
	// Outputs are entries of --output.
	Outputs = List[outputKind]
	// Secrets are entries of --secret.
	Secrets = List[secretKind]
	// SSHs are entries of --ssh.
	SSHs = List[sshKind]
)

// List is a list of entries of one kind.
type List[K kind] []Entry

// kind reads the text of an entry, which may stand for several, and writes it as
// a flag takes it.
type kind interface {
	parse(text string) ([]Entry, error)
	format(e Entry) string
}

// ParseList reads entries as flags have them.
func ParseList[K kind](texts []string) (List[K], error) {
	var k K
	out := List[K]{}
	for _, text := range texts {
		if text == "" {
			continue
		}
		some, err := k.parse(text)
		if err != nil {
			return nil, err
		}
		out = append(out, some...)
	}
	return out, nil
}

// Flags are the entries as flags take them.
func (l List[K]) Flags() []string {
	var k K
	var out []string
	for _, e := range l {
		out = append(out, k.format(e))
	}
	return out
}

// merge adds what is not there yet.
func (l List[K]) merge(more List[K]) List[K] {
	for _, e := range more {
		if !slices.ContainsFunc(l, func(o Entry) bool { return maps.Equal(o, e) }) {
			l = append(slices.Clip(l), e)
		}
	}
	return l
}

// mergeBy is merge where an entry takes the place of the one that has the same
// value of a key.
func (l List[K]) mergeBy(more List[K], key string) List[K] {
	for _, e := range more {
		i := slices.IndexFunc(l, func(o Entry) bool { return o[key] == e[key] })
		if i < 0 {
			l = append(slices.Clip(l), e)
			continue
		}
		l = slices.Clone(l)
		l[i] = e
	}
	return l
}

// MarshalJSON writes lists within an entry as lists.
func (e Entry) MarshalJSON() ([]byte, error) {
	out := make(map[string]any, len(e))
	for k, v := range e {
		if out[k] = v; k == "paths" {
			out[k] = strings.Split(v, ",")
		}
	}
	return json.Marshal(out)
}

// FromCtyValue takes the value of an attribute: a list of texts and maps.
func (l *List[K]) FromCtyValue(in cty.Value, path cty.Path) error {
	if !in.Type().IsTupleType() && !in.Type().IsListType() && !in.Type().IsSetType() {
		return path.NewErrorf("a list is required")
	}
	*l = List[K]{}
	if in.IsNull() || !in.IsKnown() {
		return nil
	}
	var k K
	for it := in.ElementIterator(); it.Next(); {
		_, v := it.Element()
		if v.IsNull() {
			continue
		}
		text := ""
		if v.Type() == cty.String {
			text = v.AsString()
		} else {
			e, err := entryOf(v)
			if err != nil {
				return path.NewError(err)
			}
			if len(e) == 0 {
				continue
			}
			text = csvOf(e)
			if _, isSSH := any(k).(sshKind); isSSH {
				text = k.format(e)
			}
		}
		if text == "" {
			continue
		}
		some, err := k.parse(text)
		if err != nil {
			return path.NewError(err)
		}
		*l = append(*l, some...)
	}
	return nil
}

// entryOf makes an entry of a map or an object; a list in it becomes text.
func entryOf(v cty.Value) (Entry, error) {
	if !v.CanIterateElements() || v.Type().IsTupleType() || v.Type().IsListType() {
		return nil, fmt.Errorf("a text or a map is required, not %s", v.Type().FriendlyName())
	}
	e := Entry{}
	for key, value := range v.AsValueMap() {
		if value.IsNull() {
			continue
		}
		if value.Type().IsTupleType() || value.Type().IsListType() {
			var parts []string
			for _, p := range value.AsValueSlice() {
				text, err := convert.Convert(p, cty.String)
				if err != nil {
					return nil, err
				}
				parts = append(parts, text.AsString())
			}
			e[key] = strings.Join(parts, ",")
			continue
		}
		text, err := convert.Convert(value, cty.String)
		if err != nil {
			return nil, err
		}
		if text.AsString() != "" {
			e[key] = text.AsString()
		}
	}
	return e, nil
}

// ToCtyValue is what other blocks see of it.
func (l List[K]) ToCtyValue() cty.Value {
	if len(l) == 0 {
		return cty.ListValEmpty(cty.Map(cty.String))
	}
	out := make([]cty.Value, len(l))
	for i, e := range l {
		values := make(map[string]cty.Value, len(e))
		for k, v := range e {
			values[k] = cty.StringVal(v)
		}
		if out[i] = cty.MapValEmpty(cty.String); len(values) > 0 {
			out[i] = cty.MapVal(values)
		}
	}
	return cty.ListVal(out)
}

// csvOf writes KEY=VALUE,KEY=VALUE, the kind first, with quotes where they are
// needed.
func csvOf(e Entry) string {
	keys := slices.SortedFunc(maps.Keys(e), func(a, b string) int {
		if rank := strings.Index(" id type ", " "+b+" ") - strings.Index(" id type ", " "+a+" "); rank != 0 {
			return rank
		}
		return strings.Compare(a, b)
	})
	fields := make([]string, len(keys))
	for i, k := range keys {
		fields[i] = k + "=" + e[k]
	}
	var b strings.Builder
	w := csv.NewWriter(&b)
	_ = w.Write(fields) // a Builder takes everything, and Write refuses no field
	w.Flush()
	return strings.TrimSuffix(b.String(), "\n")
}

// fields reads KEY=VALUE,KEY=VALUE, in which the keys are lower case.
func fields(text string) (Entry, error) {
	row, err := csv.NewReader(strings.NewReader(text)).Read()
	if err != nil {
		return nil, fmt.Errorf("invalid value %q: %w", text, err)
	}
	e := Entry{}
	for _, f := range row {
		key, value, ok := strings.Cut(f, "=")
		if !ok {
			return nil, fmt.Errorf("invalid value %s", f)
		}
		e[strings.ToLower(strings.TrimSpace(key))] = value
	}
	return e, nil
}
