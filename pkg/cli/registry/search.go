package registry

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/docker/cli/cli/command/formatter"
	apiregistry "github.com/moby/moby/api/types/registry"
	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
	"github.com/nerd-cli/nerd/pkg/registry"
)

// SearchOptions are the inputs of `search`.
type SearchOptions struct {
	IO      *iostreams.IOStreams
	Service func() (Service, error)

	Term    string
	Filter  flagx.Filters
	Format  string
	Limit   int
	NoTrunc bool
}

// NewCmdSearch makes `search`.
func NewCmdSearch(f *factory.Factory, runF func(context.Context, *SearchOptions) error) *cobra.Command {
	o := &SearchOptions{IO: f.IO, Service: service(f), Filter: flagx.NewFilters()}
	if runF == nil {
		runF = runSearch
	}
	cmd := &cobra.Command{
		Use:                   "search [OPTIONS] TERM",
		Short:                 "Search Docker Hub for images",
		Args:                  flagx.ExactArgs(1),
		DisableFlagsInUseLine: true,
		ValidArgsFunction:     cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Term = args[0]
			return runF(cmd.Context(), o)
		},
	}
	flags := cmd.Flags()
	flags.VarP(&o.Filter, "filter", "f", "Filter output based on conditions provided")
	flags.StringVar(&o.Format, "format", "", "Pretty-print search using a Go template")
	flags.IntVar(&o.Limit, "limit", 0, "Max number of search results")
	flags.BoolVar(&o.NoTrunc, "no-trunc", false, "Don't truncate output")
	return cmd
}

func runSearch(ctx context.Context, o *SearchOptions) error {
	opts, automated, err := o.domain()
	if err != nil {
		return err
	}
	s, err := o.Service()
	if err != nil {
		return err
	}
	found, err := s.Search(ctx, o.Term, opts)
	if err != nil {
		return err
	}
	if automated { // none is, any more
		found = nil
	}
	return writeSearch(o, found)
}

// domain reads the filters.
func (o *SearchOptions) domain() (opts registry.SearchOptions, automated bool, err error) {
	opts.Limit = o.Limit
	for key, values := range o.Filter.Value() {
		for value := range values {
			switch key {
			case "stars":
				var n int
				if n, err = strconv.Atoi(value); err == nil {
					opts.MinStars = max(opts.MinStars, n)
				}
			case "is-official":
				var only bool
				only, err = strconv.ParseBool(value)
				opts.Official = &only
			case "is-automated":
				automated, err = strconv.ParseBool(value)
			default:
				return opts, false, fmt.Errorf("invalid filter '%s'", key)
			}
			if err != nil {
				return opts, false, fmt.Errorf("invalid filter '%s=%s'", key, value)
			}
		}
	}
	return opts, automated, nil
}

const searchTable = "table {{.Name}}\t{{.Description}}\t{{.StarCount}}\t{{.IsOfficial}}"

func writeSearch(o *SearchOptions, found []apiregistry.SearchResult) error {
	layout := formatter.Format(o.Format)
	if layout == "" || layout == formatter.TableFormatKey {
		layout = searchTable
	}
	row := &searchRow{}
	row.Header = formatter.SubHeaderContext{
		"Name": formatter.NameHeader, "Description": formatter.DescriptionHeader, "StarCount": "STARS", "IsOfficial": "OFFICIAL",
	}
	ctx := formatter.Context{Output: o.IO.Out, Format: layout, Trunc: !o.NoTrunc}
	return ctx.Write(row, func(format func(formatter.SubContext) error) error {
		for _, r := range found {
			if err := format(&searchRow{trunc: ctx.Trunc, result: r}); err != nil {
				return err
			}
		}
		return nil
	})
}

// searchRow is what a template sees of a result.
type searchRow struct {
	formatter.HeaderContext
	trunc, json bool
	result      apiregistry.SearchResult
}

// MarshalJSON has all fields.
func (r *searchRow) MarshalJSON() ([]byte, error) {
	r.json = true
	return formatter.MarshalJSON(r)
}

// Name is that of the repository.
func (r *searchRow) Name() string { return r.result.Name }

// StarCount is how many users like it.
func (r *searchRow) StarCount() string { return strconv.Itoa(r.result.StarCount) }

// Description is one line.
func (r *searchRow) Description() string {
	text := strings.NewReplacer("\n", " ", "\r", " ").Replace(r.result.Description)
	if r.trunc {
		text = formatter.Ellipsis(text, 45)
	}
	return text
}

// IsOfficial tells whether the hub itself answers for it.
func (r *searchRow) IsOfficial() string {
	switch {
	case r.json:
		return strconv.FormatBool(r.result.IsOfficial)
	case r.result.IsOfficial:
		return "[OK]"
	}
	return ""
}
