package compose

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

func writeTop(g *Project, titles []string, processes [][]string) error {
	w := tabwriter.NewWriter(g.IO.Out, 4, 1, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(titles, "\t"))
	for _, p := range processes {
		fmt.Fprintln(w, strings.Join(p, "\t"))
	}
	fmt.Fprintln(w)
	return w.Flush()
}
