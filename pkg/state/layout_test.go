package state

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestNewLayoutFillsDefaults(t *testing.T) {
	l, err := NewLayout("", "", "")
	if err != nil {
		t.Fatal(err)
	}
	if want := (Layout{Data: DefaultDataRoot, Run: DefaultRunRoot, Namespace: DefaultNamespace}); l != want {
		t.Errorf("layout is %+v, want %+v", l, want)
	}
}

func TestNewLayoutRefusesNamespaces(t *testing.T) {
	for _, ns := range append([]string{"..", ".", "a/b", "/", "a\x00b", ".hidden"}, reserved...) {
		if _, err := NewLayout("", "", ns); err == nil {
			t.Errorf("namespace %q is accepted", ns)
		} else if !strings.Contains(err.Error(), "--namespace") {
			t.Errorf("namespace %q: the error does not name the way out: %v", ns, err)
		}
	}
	for _, ns := range []string{"k8s.io", "moby", "default", "a-b_c"} {
		if _, err := NewLayout("", "", ns); err != nil {
			t.Errorf("namespace %q: %v", ns, err)
		}
	}
}

// What is shared by all namespaces must not lie where a namespace could.
func TestSharedPathsAreReserved(t *testing.T) {
	l, err := NewLayout("/d", "/r", "ns")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{l.Networks(), l.Netns("x"), l.NetRecord("x"), l.IPAM(), l.Ports(), l.Engine(), l.EngineRun()} {
		first := strings.Split(strings.Trim(path, "/"), "/")[1]
		if !slices.Contains(reserved, first) {
			t.Errorf("%s is shared, but a namespace may be called %q", path, first)
		}
	}
}

func TestPathsOfANamespaceAreApart(t *testing.T) {
	a, _ := NewLayout("/d", "/r", "a")
	b, _ := NewLayout("/d", "/r", "b")
	for _, path := range []func(Layout) string{
		func(l Layout) string { return l.Container("x") },
		func(l Layout) string { return l.ContainerRun("x") },
		func(l Layout) string { return l.LogFile("x") },
		Layout.Containers, Layout.ContainersRun, Layout.ImageCache, Layout.Volumes,
	} {
		if path(a) == path(b) {
			t.Errorf("%s is the same in both namespaces", path(a))
		}
	}
	if got := a.LogFile("x"); got != "/d/a/containers/x/x-json.log" {
		t.Errorf("log file is %s", got)
	}
	if filepath.Dir(a.Container("x")) != a.Containers() || filepath.Dir(a.ContainerRun("x")) != a.ContainersRun() {
		t.Error("a container's folder is not in the folder of containers")
	}
}

func TestOtherContainer(t *testing.T) {
	run := t.TempDir()
	here, _ := NewLayout(t.TempDir(), run, "here")
	there, _ := NewLayout(t.TempDir(), run, "there")
	for _, dir := range []string{here.ContainerRun("mine"), there.ContainerRun("theirs")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for id, want := range map[string]bool{"mine": false, "theirs": true, "nobodys": false} {
		if got := here.OtherContainer(id); got != want {
			t.Errorf("OtherContainer(%q) = %t, want %t", id, got, want)
		}
	}
}
