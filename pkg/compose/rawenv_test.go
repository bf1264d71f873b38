package compose

import (
	"fmt"
	"strings"
	"testing"
)

func TestReadRaw(t *testing.T) {
	lookup := func(k string) (string, bool) { return "looked up", k == "C" }
	for _, c := range []struct{ text, want string }{
		{"A=1\n# x\n\n  B=\"$HOME\" # no\nC\nD\nE=\nF=a=b", `map[A:1 B:"$HOME" # no C:looked up E: F:a=b]`},
		{"\ufeffA=1\r\n", "map[A:1]"},
		{"A B=1\n", `v.env:1: "A B" is not the name of a variable`},
		{"\n=x\n", `v.env:2: "" is not the name of a variable`},
	} {
		vars := map[string]string{}
		err := readRaw(strings.NewReader(c.text), "v.env", vars, lookup)
		got := fmt.Sprint(vars)
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%q: %s, want %s", c.text, got, c.want)
		}
	}
}
