package buildrun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/containerd/platforms"
	"go.yaml.in/yaml/v3"

	"github.com/nerd-cli/nerd/pkg/bake"
	clibuild "github.com/nerd-cli/nerd/pkg/cli/build"
	"github.com/nerd-cli/nerd/pkg/compose"
)

// Variables of the environment that say how bake reads.
const (
	bakeFilesVar     = "BUILDX_BAKE_FILE"
	bakeSeparatorVar = "BUILDX_BAKE_PATH_SEPARATOR"
	bakeNoLookupVar  = "BUILDX_BAKE_DISABLE_VARS_ENV_LOOKUP"
)

// readDefinition reads the files of --file, or those that are here.
func readDefinition(ctx context.Context, o *clibuild.BakeOptions) (*bake.Definition, error) {
	vars := map[string]string{}
	for _, text := range o.Vars {
		name, value, ok := strings.Cut(text, "=")
		if !ok {
			return nil, fmt.Errorf("invalid variable %q, expected name=value", text)
		}
		vars[name] = value
	}
	files, err := bakeFiles(o)
	if err != nil {
		return nil, err
	}
	lookup := env
	if off, err := strconv.ParseBool(os.Getenv(bakeNoLookupVar)); err == nil && off {
		lookup = func(string) (string, bool) { return "", false }
	}
	return bake.Read(ctx, bake.Source{
		Files: files,
		Lookup: func(name string) (string, bool) {
			if v, ok := vars[name]; ok {
				return v, true
			}
			return lookup(name)
		},
		Builtin: map[string]string{"BAKE_CMD_CONTEXT": "cwd://", "BAKE_LOCAL_PLATFORM": platforms.DefaultString()},
		Compose: func(ctx context.Context, files []bake.File) ([]byte, error) { return composeModel(ctx, files, vars) },
	})
}

// bakeFiles reads what --file or the variable names, or else the default files
// that exist.
func bakeFiles(o *clibuild.BakeOptions) ([]bake.File, error) {
	names := o.Files
	if list := os.Getenv(bakeFilesVar); len(names) == 0 && list != "" {
		separator := os.Getenv(bakeSeparatorVar)
		if separator == "" {
			separator = string(os.PathListSeparator)
		}
		names = strings.Split(list, separator)
	}
	optional := len(names) == 0
	if optional {
		names = bake.DefaultFiles()
	}
	var out []bake.File
	for _, name := range names {
		name = strings.TrimPrefix(strings.TrimSpace(name), "cwd://")
		if name == "" {
			continue
		}
		var data []byte
		var err error
		if name == "-" {
			data, err = io.ReadAll(o.Factory.IO.In)
		} else {
			data, err = os.ReadFile(name)
		}
		if optional && errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, bake.File{Name: name, Data: data})
	}
	if len(out) == 0 {
		return nil, errors.New("couldn't find a bake definition")
	}
	return out, nil
}

// composeModel has the loader of Compose files merge them and replace variables.
func composeModel(ctx context.Context, files []bake.File, vars map[string]string) ([]byte, error) {
	opts := compose.LoadOptions{ProjectDir: ".", ProjectName: "bake", NoNormalize: true, NoPathResolution: true, NoConsistency: true, AllProfiles: true, NoCheck: true}
	for _, f := range files {
		opts.Files = append(opts.Files, f.Name)
		if f.Name == "-" {
			opts.Stdin = strings.NewReader(string(f.Data))
		}
	}
	opts.Env = os.Environ()
	for k, v := range vars {
		opts.Env = append(opts.Env, k+"="+v)
	}
	model, err := compose.LoadModel(ctx, opts)
	if err != nil {
		return nil, err
	}
	return yaml.Marshal(model)
}

// printList answers --list.
func printList(o *clibuild.BakeOptions, d *bake.Definition) error {
	kind, format := o.List, ""
	if strings.Contains(o.List, "=") {
		kind = ""
		for part := range strings.SplitSeq(o.List, ",") {
			switch key, value, _ := strings.Cut(part, "="); key {
			case "type":
				kind = value
			case "format":
				format = value
			default:
				return fmt.Errorf("invalid list option %q: use type= and format=", part)
			}
		}
	}
	if format != "" && format != "json" && format != "table" {
		return fmt.Errorf("unsupported list format %q: use table or json", format)
	}
	var rows any
	header, lines := "", []string{}
	switch kind {
	case "targets":
		list := d.List()
		rows, header = list, "TARGET\tDESCRIPTION"
		for _, e := range list {
			lines = append(lines, e.Name+"\t"+e.Description)
		}
	case "variables":
		rows, header = d.Variables, "VARIABLE\tTYPE\tVALUE\tDESCRIPTION"
		for _, v := range d.Variables {
			value := "<null>"
			if v.Value != nil {
				value = *v.Value
			}
			lines = append(lines, v.Name+"\t"+v.Type+"\t"+value+"\t"+v.Description)
		}
	default:
		return fmt.Errorf("invalid list type %q: use targets or variables", kind)
	}
	if format == "json" {
		enc := json.NewEncoder(o.Factory.IO.Out)
		enc.SetIndent("", "  ")
		return enc.Encode(rows)
	}
	tw := tabwriter.NewWriter(o.Factory.IO.Out, 1, 8, 1, '\t', 0)
	fmt.Fprintln(tw, header)
	for _, line := range lines {
		fmt.Fprintln(tw, line)
	}
	return tw.Flush()
}
