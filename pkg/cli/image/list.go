package image

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/docker/cli/cli/command/formatter"
	"github.com/docker/cli/opts"
	apiimage "github.com/moby/moby/api/types/image"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/image"
)

// ListOptions are the inputs of "nerd images".
type ListOptions struct {
	Factory *factory.Factory

	Match   string // REPOSITORY[:TAG], a pattern
	All     bool
	Quiet   bool
	NoTrunc bool
	Digests bool
	Tree    bool
	Names   bool
	Format  string
	Filter  opts.FilterOpt
	// Top says that the command was called as "nerd images", where a mistyped
	// "nerd image VERB" looks like a pattern.
	Top bool
}

// NewCmdList makes "nerd images".
func NewCmdList(f *factory.Factory, runF func(context.Context, *ListOptions) error) *cobra.Command {
	o := &ListOptions{Factory: f, Filter: opts.NewFilterOpt()}
	cmd := &cobra.Command{
		Use:                   "images [OPTIONS] [REPOSITORY[:TAG]]",
		Short:                 "List images",
		Args:                  flagx.MaxArgs(1),
		Annotations:           map[string]string{aliases: "nerd image ls, nerd image list, nerd images"},
		DisableFlagsInUseLine: true,
		ValidArgsFunction:     complete.First(1, complete.Images(f)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.Match = args[0]
			}
			o.Top = cmd.CalledAs() == "images"
			if runF != nil {
				return runF(cmd.Context(), o)
			}
			return runList(cmd.Context(), o)
		},
	}
	flags := cmd.Flags()
	flags.BoolVarP(&o.All, "all", "a", false, "Show all images (default hides intermediate and dangling images)")
	flags.BoolVar(&o.Digests, "digests", false, "Show digests")
	flags.VarP(&o.Filter, "filter", "f", "Filter output based on conditions provided")
	flags.StringVar(&o.Format, "format", "", formatHelp)
	flags.BoolVar(&o.NoTrunc, "no-trunc", false, "Don't truncate output")
	flags.BoolVarP(&o.Quiet, "quiet", "q", false, "Only show image IDs")
	flags.BoolVar(&o.Tree, "tree", false, "List multi-platform images as a tree")
	flags.BoolVar(&o.Names, "names", false, "Show full names, as containerd keeps them")
	return cmd
}

const formatHelp = `Format output using a custom template:
'table':            Print output in table format with column headers (default)
'table TEMPLATE':   Print output in table format using the given Go template
'json':             Print in JSON format
'TEMPLATE':         Print output using the given Go template.`

func runList(ctx context.Context, o *ListOptions) error {
	if o.Names && (o.Tree || o.Digests || o.Quiet || o.Format != "") {
		return errors.New("--names cannot be given together with --tree, --digests, --quiet or --format")
	}
	tree, err := o.treeFlags()
	if err != nil {
		return err
	}
	client, err := o.Factory.Client(ctx)
	if err != nil {
		return err
	}
	filters := map[string][]string{}
	for key, values := range o.Filter.Value() {
		for value := range values {
			filters[key] = append(filters[key], value)
		}
		slices.Sort(filters[key])
	}
	if o.Match != "" {
		filters["reference"] = append(filters["reference"], o.Match)
	}
	list, err := client.Images.List(ctx, image.ListOptions{Filters: filters, Uses: tree, Manifests: o.Tree})
	if err != nil {
		return err
	}
	if _, asked := filters["dangling"]; !o.All && !asked {
		list = slices.DeleteFunc(list, func(i apiimage.Summary) bool { return len(i.RepoTags) == 0 })
	}
	if len(list) == 0 && o.Top && isVerb(o.Match) {
		fmt.Fprintf(o.Factory.IO.Err, "No images found matching %q: did you mean \"nerd image %[1]s\"?\n", o.Match)
	}
	if tree && !o.Names {
		content, err := client.Images.ContentSizes(ctx, list)
		if err != nil {
			return err
		}
		width := 0
		if o.Factory.IO.OutIsTerminal() {
			width = o.Factory.IO.Width()
		}
		return writeTree(o.Factory.IO.Out, treeRows(list, content, o.Tree), o.Tree, width)
	}
	if o.Names {
		return writeNames(o, list)
	}
	return writeTable(o, list)
}

// writeTable prints the table, or what the user's template says.
func writeTable(o *ListOptions, list []apiimage.Summary) error {
	format := o.Format
	if format == "" {
		format = formatter.TableFormatKey
	}
	return formatter.ImageWrite(formatter.ImageContext{
		Context: formatter.Context{
			Output: o.Factory.IO.Out,
			Format: formatter.NewImageFormat(format, o.Quiet, o.Digests),
			Trunc:  !o.NoTrunc,
		},
		Digest: o.Digests,
	}, rows(list, o.Quiet && o.Format == ""))
}

// rows splits images into one for each row of the table, so that the order of
// an image's names does not change from one call to the next. Only ids: one row
// for an image.
func rows(list []apiimage.Summary, ids bool) []apiimage.Summary {
	if ids {
		for i := range list {
			list[i].RepoTags, list[i].RepoDigests = nil, nil
		}
		return list
	}
	var out []apiimage.Summary
	for _, img := range list {
		rest := slices.Clone(img.RepoDigests)
		for _, tag := range img.RepoTags {
			row := img
			repo := tag[:strings.LastIndex(tag, ":")]
			of := func(d string) bool { return strings.HasPrefix(d, repo+"@") }
			row.RepoTags, row.RepoDigests = []string{tag}, nil
			if i := slices.IndexFunc(img.RepoDigests, of); i >= 0 {
				row.RepoDigests = []string{img.RepoDigests[i]}
			}
			rest = slices.DeleteFunc(rest, of)
			out = append(out, row)
		}
		for _, d := range rest {
			row := img
			row.RepoTags, row.RepoDigests = nil, []string{d}
			out = append(out, row)
		}
		if len(img.RepoTags)+len(img.RepoDigests) == 0 {
			out = append(out, img)
		}
	}
	return out
}

func isVerb(word string) bool {
	return slices.Contains([]string{"build", "convert", "decrypt", "encrypt", "history", "import", "inspect", "list", "load", "ls", "mount", "preload", "prune", "pull", "push", "rm", "save", "tag", "unmount"}, word)
}
