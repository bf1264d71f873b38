package nerd_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/nerd-cli/nerd/"

// layers says which packages of the project each package may import. Arrows point
// one way: cmd/nerd -> pkg/cli -> nerd -> container -> {image, netutil, monitor,
// logs} -> {ctrd, state} -> leaves. "..." stands for everything below, the longest
// entry that matches a package decides.
var layers = map[string][]string{
	"cmd/nerd":          {"pkg/cli", "pkg/cli/iostreams"},
	"cmd/nerd-build":    {"pkg/cli", "pkg/cli/buildrun", "pkg/cli/compose", "pkg/cli/iostreams"},
	"cmd/nerd-compose":  {"pkg/cli", "pkg/cli/compose", "pkg/cli/iostreams"},
	"cmd/nerd-image":    {"pkg/cli", "pkg/cli/imagerun", "pkg/cli/iostreams"},
	"cmd/nerd-init":     {},
	"cmd/nerd-monitor":  {"pkg/monitor/wire"}, // beside every container: it stays tiny
	"cmd/nerd-resolver": {"pkg/resolver"},
	"cmd/nerd-logger":   {"pkg/logs/send", "pkg/logs/driver", "pkg/monitor/wire"},
	"pkg/cli/...": {
		"pkg/cli/...", "pkg/event", "pkg/nerd", "pkg/container", "pkg/image", "pkg/manifest", "pkg/namespace", "pkg/netutil", "pkg/registry", "pkg/volume", "pkg/engine", "pkg/config", "pkg/contexts", "pkg/doctor", "pkg/errs", "pkg/state",
	},
	// Beside nerd: the library that builds would slow the start of every command.
	"pkg/cli/buildrun": {"pkg/bake", "pkg/build", "pkg/build/spec", "pkg/compose", "pkg/cli/...", "pkg/image", "pkg/nerd", "pkg/errs"},
	"pkg/bake":         {}, // pure
	"pkg/cli/imagerun": {"pkg/cli/imagetools", "pkg/image", "pkg/image/convert", "pkg/image/crypt", "pkg/image/sign"},
	"pkg/build":        {"pkg/build/spec", "pkg/registry"},
	"pkg/build/spec":   {}, // pure
	"pkg/cli/compose": {
		"pkg/cli/...", "pkg/build/spec", "pkg/compose/...", "pkg/nerd", "pkg/container", "pkg/image", "pkg/volume", "pkg/event", "pkg/config", "pkg/errs", "pkg/state",
	},
	"pkg/compose":       {"pkg/build/spec", "pkg/compose/watch", "pkg/container", "pkg/image", "pkg/netutil", "pkg/volume", "pkg/state", "pkg/errs"},
	"pkg/compose/watch": {},
	"pkg/nerd": {
		"pkg/doctor", "pkg/event", "pkg/container", "pkg/container/spec", "pkg/image", "pkg/namespace", "pkg/logs/driver", "pkg/volume", "pkg/registry", "pkg/netutil", "pkg/engine", "pkg/ctrd", "pkg/state", "pkg/errs",
	},
	"pkg/container": {
		"pkg/event", "pkg/health", "pkg/container/spec", "pkg/container/inspect", "pkg/container/limits", "pkg/container/mountpoint", "pkg/rootfs", "pkg/archive", "pkg/layer", "pkg/cgroup", "pkg/ps", "pkg/cdi", "pkg/image", "pkg/volume", "pkg/netutil", "pkg/monitor", "pkg/logs", "pkg/logs/driver", "pkg/ctrd", "pkg/state", "pkg/errs",
	},
	"pkg/container/spec":       {"pkg/cgroup"}, // pure
	"pkg/container/limits":     {"pkg/cgroup"}, // pure
	"pkg/cgroup":               {},
	"pkg/ps":                   {"pkg/errs"},
	"pkg/cdi":                  {"pkg/errs"},
	"pkg/container/mountpoint": {"pkg/volume"},  // pure; for the rules of names
	"pkg/container/inspect":    {"pkg/netutil"}, // pure; for the type of a published port
	"pkg/image":                {"pkg/event", "pkg/compress", "pkg/rootfs", "pkg/registry", "pkg/ctrd", "pkg/state", "pkg/errs"},
	"pkg/image/convert":        {"pkg/image", "pkg/compress", "pkg/errs"},
	"pkg/image/crypt":          {"pkg/image", "pkg/errs"},
	"pkg/image/sign":           {"pkg/image", "pkg/errs"},
	"pkg/volume":               {"pkg/volume/copyup", "pkg/event", "pkg/state", "pkg/errs"},
	"pkg/volume/copyup":        {},
	"pkg/rootfs":               {}, // held descriptors of trees that others change
	"pkg/archive":              {"pkg/compress", "pkg/rootfs"},
	"pkg/compress":             {},
	"pkg/layer":                {"pkg/archive", "pkg/rootfs"},
	"pkg/namespace":            {"pkg/state"},
	"pkg/registry":             {"pkg/errs", "pkg/state"},
	"pkg/manifest":             {"pkg/registry", "pkg/state", "pkg/errs"},
	"pkg/netutil":              {"pkg/resolver", "pkg/event", "pkg/state", "pkg/errs"},
	"pkg/resolver":             {}, // a process for each network with names: it stays small
	"pkg/monitor":              {"pkg/monitor/wire", "pkg/state", "pkg/errs"},
	"pkg/monitor/wire":         {},
	"pkg/logs":                 {"pkg/state", "pkg/errs"},
	"pkg/logs/driver":          {}, // pure
	"pkg/logs/send":            {"pkg/logs/driver", "pkg/monitor/wire"},
	"pkg/engine":               {"pkg/state", "pkg/errs"},
	"pkg/ctrd":                 {"pkg/errs"},
	"pkg/ctrd/ctrdtest":        {"pkg/ctrd"},
	"pkg/config":               {"pkg/contexts", "pkg/state", "pkg/errs"},
	"pkg/contexts":             {"pkg/errs"},
	"pkg/doctor":               {}, // looks and says, asks no containerd
	"pkg/state":                {},
	"pkg/errs":                 {},
	"pkg/event":                {},
	"pkg/health":               {}, // pure
	"hack/...":                 {"hack/...", "test/..."},
	"test/...":                 {"test/..."},
}

// testsMay says what the tests of a package import beyond that.
var testsMay = map[string][]string{
	"pkg/cli/image": {"pkg/ctrd/ctrdtest", "pkg/registry"}, // a real image service behind the commands
	"pkg/image":     {"pkg/ctrd/ctrdtest"},
	// A signature is one in a registry, of an image that is pushed and pulled.
	"pkg/image/sign": {"pkg/ctrd/ctrdtest", "pkg/registry", "pkg/state"},
	"pkg/container":  {"pkg/ctrd/ctrdtest"},
	"pkg/monitor":    {"pkg/logs", "pkg/logs/driver"}, // reads back what a monitor wrote
}

// outside says which packages may import something that the others must not: a
// library that ties its importer to one side of the house, or the means to run a
// program. The key is an import path or what one begins with.
var outside = map[string][]string{
	// The loader's schemas cost 5 ms at every start: nerd itself has none of it.
	"github.com/compose-spec/":                   {"pkg/compose", "pkg/cli/compose"},
	module + "pkg/compose/watch":                 {"pkg/compose", "pkg/cli/compose"},
	module + "pkg/compose":                       {"pkg/cli/compose", "pkg/cli/buildrun"},
	module + "pkg/cli/compose":                   {"cmd/nerd-compose", "cmd/nerd-build", "pkg/cli/buildrun"},
	"github.com/spf13/":                          {"pkg/cli/..."},
	"github.com/docker/cli/":                     {"pkg/cli/...", "pkg/registry", "pkg/build"}, // the registry reads Docker's credentials
	"github.com/containerd/containerd/v2/client": {"pkg/ctrd"},
	"github.com/containernetworking/":            {"pkg/netutil"},
	"github.com/vishvananda/netlink":             {"pkg/netutil"},
	"github.com/coreos/go-iptables":              {"pkg/netutil"},
	"github.com/moby/buildkit/":                  {"pkg/build", "pkg/cli/buildrun"},
	// Libraries that would slow the start of nerd are in nerd-image alone.
	"github.com/containerd/stargz-snapshotter/": {"pkg/image/convert"},
	"github.com/containers/ocicrypt":            {"pkg/image/crypt"},
	"github.com/containers/ocicrypt/":           {"pkg/image/crypt"},
	"github.com/notaryproject/":                 {"pkg/image/sign"},
	module + "pkg/image/convert":                {"pkg/cli/imagerun"},
	module + "pkg/image/crypt":                  {"pkg/cli/imagerun"},
	module + "pkg/image/sign":                   {"pkg/cli/imagerun"},
	"os/exec":                                   {"pkg/image/convert", "pkg/netutil", "pkg/resolver", "pkg/engine", "pkg/monitor", "pkg/ps", "pkg/registry", "pkg/nerd", "pkg/ctrd", "pkg/cli/remote", "hack/...", "test/..."},
	"flag":                                      {"hack/...", "test/..."},
	"log":                                       {"hack/...", "test/..."},
	"testing":                                   {"pkg/ctrd/ctrdtest", "test/..."},
}

// A package whose name is missing from layers, or that imports against it, fails.
func TestLayers(t *testing.T) {
	eachFile(t, parser.ImportsOnly, func(pkg, name string, f *ast.File, _ *token.FileSet) {
		allowed, ok := longest(layers, pkg)
		if !ok {
			t.Errorf("%s: the package %s has no place yet: give it one in layers", name, pkg)
			return
		}
		isTest := strings.HasSuffix(name, "_test.go")
		for _, path := range imports(t, f) {
			if own, ok := strings.CutPrefix(path, module); ok && !matches(allowed, own) && own != pkg && (!isTest || !matches(testsMay[pkg], own)) {
				t.Errorf("%s: %s must not import %s", name, pkg, own)
			}
			for prefix, users := range outside {
				if !isTest && (path == prefix || strings.HasSuffix(prefix, "/") && strings.HasPrefix(path, prefix)) && !matches(users, pkg) {
					t.Errorf("%s: %s must not import %s, only %s may", name, pkg, path, strings.Join(users, ", "))
				}
			}
		}
	})
}

// monitorImports are what the companion of a container is made of, besides the
// standard library: each further one is paid for by every running container.
var monitorImports = []string{"golang.org/x/sys/unix", module + "pkg/monitor/wire"}

func TestMonitorStaysSmall(t *testing.T) {
	eachFile(t, parser.ImportsOnly, func(pkg, name string, f *ast.File, _ *token.FileSet) {
		if pkg != "cmd/nerd-monitor" && pkg != "pkg/monitor/wire" || strings.HasSuffix(name, "_test.go") {
			return
		}
		for _, path := range imports(t, f) {
			external := strings.Contains(strings.Split(path, "/")[0], ".")
			if external && !slices.Contains(monitorImports, path) || slices.Contains([]string{"net/http", "encoding/gob", "regexp", "text/template"}, path) {
				t.Errorf("%s imports %s", name, path)
			}
		}
	})
}

// forbidden are what a domain package must leave to the command line: to print, to
// end the process, to read the environment; and what no package does.
var forbidden = map[string][]string{
	"os.Exit": {"cmd/..."}, "os.Args": {"cmd/..."},
	"os.Getenv": {"cmd/...", "pkg/cli/..."}, "os.LookupEnv": {"cmd/...", "pkg/cli/..."}, "os.Environ": {"cmd/...", "pkg/cli/..."},
	"os.ExpandEnv": nil, "os.Setenv": nil,
	// nerd.Internal answers for the program that embeds the library.
	"os.Stdin": {"cmd/...", "pkg/cli/iostreams"}, "os.Stdout": {"cmd/...", "pkg/cli/iostreams", "pkg/nerd"},
	"os.Stderr": {"cmd/...", "pkg/cli/iostreams", "pkg/nerd"},
	"fmt.Print": nil, "fmt.Printf": nil, "fmt.Println": nil,
	"context.Background": {"cmd/..."}, "context.TODO": nil,
	"panic": nil,
}

func TestDomainIsSilent(t *testing.T) {
	eachFile(t, parser.SkipObjectResolution, func(pkg, name string, f *ast.File, fset *token.FileSet) {
		if strings.HasSuffix(name, "_test.go") || matches([]string{"hack/...", "test/...", "pkg/ctrd/ctrdtest"}, pkg) {
			return
		}
		ast.Inspect(f, func(n ast.Node) bool {
			var used string
			switch n := n.(type) {
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok {
					used = x.Name + "." + n.Sel.Name
				}
			case *ast.CallExpr:
				if fn, ok := n.Fun.(*ast.Ident); ok {
					used = fn.Name
				}
			}
			if users, ok := forbidden[used]; ok && !matches(users, pkg) {
				t.Errorf("%s: %s must not use %s", fset.Position(n.Pos()), pkg, used)
			}
			return true
		})
		for _, d := range f.Decls { // a package-level regular expression costs every start of the program
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.VAR {
				ast.Inspect(g, func(n ast.Node) bool {
					if _, ok := n.(*ast.FuncLit); ok {
						return false // runs when it is needed
					}
					if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == "MustCompile" {
						t.Errorf("%s: a regular expression at package level", fset.Position(n.Pos()))
					}
					return true
				})
			}
		}
	})
}

// The matcher decides what the other tests let through, so it is tested itself.
func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, pkg string
		want         bool
	}{
		{"pkg/cli/...", "pkg/cli", true},
		{"pkg/cli/...", "pkg/cli/image", true},
		{"pkg/cli/...", "pkg/client", false},
		{"pkg/container", "pkg/container", true},
		{"pkg/container", "pkg/container/spec", false},
	} {
		if got := matches([]string{c.pattern}, c.pkg); got != c.want {
			t.Errorf("%s for %s: %t", c.pattern, c.pkg, got)
		}
	}
	if got, ok := longest(map[string][]string{"a/...": {"x"}, "a/b": {"y"}}, "a/b"); !ok || got[0] != "y" {
		t.Errorf("longest entry: %v", got)
	}
}

// eachFile parses every Go file of the module and calls fn with its package's
// path below the module and its own path.
func eachFile(t *testing.T, mode parser.Mode, fn func(pkg, name string, f *ast.File, fset *token.FileSet)) {
	t.Helper()
	fset := token.NewFileSet()
	seen := 0
	for _, root := range []string{"cmd", "pkg", "hack", "test"} {
		err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case e.IsDir() && otherModule(path), e.IsDir() && e.Name() == "testdata":
				return filepath.SkipDir
			case e.IsDir() || !strings.HasSuffix(path, ".go"):
				return nil
			}
			f, err := parser.ParseFile(fset, path, nil, mode)
			if err != nil {
				return err
			}
			seen++
			fn(filepath.ToSlash(filepath.Dir(path)), path, f, fset)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if seen < 50 {
		t.Fatalf("only %d files were found: the test looks in the wrong place", seen)
	}
}

// otherModule tells whether a folder is a module of its own.
func otherModule(dir string) bool {
	found, err := filepath.Glob(filepath.Join(dir, "go.mod"))
	return err != nil || len(found) > 0
}

func imports(t *testing.T, f *ast.File) []string {
	t.Helper()
	var out []string
	for _, spec := range f.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, path)
	}
	return out
}

func matches(patterns []string, pkg string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		dir, below := strings.CutSuffix(p, "/...")
		return pkg == dir || below && strings.HasPrefix(pkg, dir+"/")
	})
}

func longest(table map[string][]string, pkg string) ([]string, bool) {
	best, found := "", false
	for pattern := range table {
		longer := len(strings.TrimSuffix(pattern, "/...")) > len(strings.TrimSuffix(best, "/..."))
		if matches([]string{pattern}, pkg) && (!found || longer) {
			best, found = pattern, true
		}
	}
	return table[best], found
}
