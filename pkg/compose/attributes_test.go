package compose

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/compose.md instead of comparing it")

const page = "../../docs/compose.md"

// The table in the page is the list.
func TestPage(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	head, _, ok := strings.Cut(string(text), "| attribute |")
	if !ok {
		t.Fatal("docs/compose.md has no table")
	}
	want := head + Table()
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if string(text) != want {
		t.Error("docs/compose.md is out of date: run make docs")
	}
}

func TestAttributesAreComplete(t *testing.T) {
	seen := map[string]bool{}
	for _, a := range Attributes() {
		if seen[a.Path] || a.State != Works && a.Note == "" || strings.HasSuffix(a.Note, ".") {
			t.Errorf("%s: twice, without a reason or with a full stop", a.Path)
		}
		seen[a.Path] = true
	}
	for _, key := range serviceKeys() {
		if !covered(seen, "services."+key) {
			t.Errorf("services.%s is not in the list", key)
		}
	}
}

// covered: the attribute or those below it.
func covered(seen map[string]bool, path string) bool {
	for p := range seen {
		if p == path || strings.HasPrefix(p, path+".") {
			return true
		}
	}
	return false
}
