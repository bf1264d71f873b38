package compat

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/compatibility.md instead of comparing it")

const page = "../../../docs/compatibility.md"

// The page is the table.
func TestPage(t *testing.T) {
	want := Markdown(Table())
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/compatibility.md is out of date: run make docs")
	}
}

func TestEntriesAreComplete(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range Table() {
		id := e.where() + " " + e.what()
		if seen[id] {
			t.Errorf("%s is listed twice", id)
		}
		seen[id] = true
		if !strings.HasSuffix(e.Why, ".") {
			t.Errorf("%s: why is not a sentence: %q", id, e.Why)
		}
		if e.Kind == Refused && e.Instead == "" {
			t.Errorf("%s: a refusal says the way out", id)
		}
		if strings.HasPrefix(e.Flag, "-") || strings.HasSuffix(e.Instead, ".") {
			t.Errorf("%s: no dashes before the flag, no full stop after the way out", id)
		}
	}
}

func TestRefusedFlags(t *testing.T) {
	var names []string
	for _, e := range RefusedFlags("run") {
		names = append(names, e.Flag)
	}
	all := strings.Join(names, " ")
	if !strings.Contains(all, "use-api-socket") {
		t.Errorf("use-api-socket is missing: %s", all)
	}
	if strings.Contains(all, "isolation") { // only some of its values are
		t.Errorf("refused whatever the value: %s", all)
	}
	if len(RefusedFlags("ps")) != 0 {
		t.Error("ps refuses flags")
	}
}

func TestMarkdown(t *testing.T) {
	got := Markdown([]Entry{
		{Commands: []string{"run"}, Flag: "b", Kind: Refused, Why: "A|B.", Instead: "c"},
		{Commands: []string{"run"}, Flag: "a", Value: "x", Kind: Refused, Why: "Y.", Instead: "z"},
	})
	_, got, _ = strings.Cut(got, "## Refused")
	want := "\n\n| command | what | why | instead |\n|---|---|---|---|\n| `run` | `--a` x | Y. | z |\n| `run` | `--b` | A\\|B. | c |\n"
	if got != want {
		t.Errorf("got %s", got)
	}
}
