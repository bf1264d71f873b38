package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// DefaultOrigin is where a value comes from that nothing has set.
const DefaultOrigin = "default"

// origins maps a setting's key to where its value comes from.
type origins map[string]string

// Value is one setting in force.
type Value struct {
	Key    string // dotted, as nerd.toml writes it
	Value  any    // string, bool, []string or, in tables, what TOML has
	Origin string // default, a file, a context, a variable or a flag
}

// Values lists the settings in force in the order in which nerd.toml is described,
// entries of tables by name.
func (c *Config) Values() []Value {
	out := []Value{{"context", c.Context, c.origin("context")}}
	if c.Remote != "" {
		out = append(out, Value{"remote", c.Remote, c.origin("address")})
	}
	v := reflect.ValueOf(c).Elem()
	for i := range v.NumField() {
		if key := v.Type().Field(i).Tag.Get("toml"); key != "" && key != "-" {
			out = c.flatten(out, key, v.Field(i))
		}
	}
	return out
}

// flatten appends a field, or what a table or a structure has.
func (c *Config) flatten(out []Value, key string, v reflect.Value) []Value {
	switch v.Kind() {
	case reflect.Interface:
		return c.flatten(out, key, v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			out = c.flatten(out, key+"."+v.Type().Field(i).Tag.Get("toml"), v.Field(i))
		}
		return out
	case reflect.Map:
		names := v.MapKeys()
		slices.SortFunc(names, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, name := range names {
			out = c.flatten(out, key+"."+name.String(), v.MapIndex(name))
		}
		return out
	case reflect.Slice:
		if v.IsNil() {
			v = reflect.MakeSlice(v.Type(), 0, 0)
		}
	}
	return append(out, Value{key, v.Interface(), c.origin(key)})
}

// origin finds the origin of a key or of the nearest table around it.
func (c *Config) origin(key string) string {
	for {
		if origin, ok := c.origins[key]; ok {
			return origin
		}
		i := strings.LastIndexByte(key, '.')
		if i < 0 {
			return DefaultOrigin
		}
		key = key[:i]
	}
}

// noteFile notes the keys that a file sets.
func (c *Config) noteFile(path string, data []byte) error {
	var tree map[string]any
	if err := toml.Unmarshal(data, &tree); err != nil {
		return fmt.Errorf("configuration file %s: %w", path, explain(err))
	}
	c.noteKeys("file "+path, "", tree)
	return nil
}

func (c *Config) noteKeys(origin, prefix string, tree map[string]any) {
	for key, value := range tree {
		if table, ok := value.(map[string]any); ok {
			c.noteKeys(origin, prefix+key+".", table)
			continue
		}
		c.origins[prefix+key] = origin
	}
}
