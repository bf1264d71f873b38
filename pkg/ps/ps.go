// Package ps lists processes in the layouts of ps. The default layout and the
// common columns are read from /proc; for any other option the machine's own ps
// is run.
package ps

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// DefaultOptions are those of `docker top`.
const DefaultOptions = "-ef"

// errNoPID says that a layout lacks the column by which processes are picked.
var errNoPID = errors.New("Couldn't find PID field in ps output") //nolint:staticcheck // Docker's text

// Table lists those of pids that live: a title for each column, and a row for each
// process, by pid. args are options of ps; none stands for DefaultOptions.
func Table(ctx context.Context, args []string, pids []int) (titles []string, rows [][]string, err error) {
	if len(args) == 0 {
		args = strings.Fields(DefaultOptions)
	}
	columns, ok := layout(args)
	if !ok {
		return hostTable(ctx, args, pids)
	}
	for _, c := range columns {
		titles = append(titles, c.title)
	}
	if !slices.Contains(titles, "PID") {
		return nil, nil, errNoPID
	}
	m, err := readMachine("/proc")
	if err != nil {
		return nil, nil, err
	}
	for _, pid := range slices.Sorted(slices.Values(pids)) {
		p, err := m.process(pid)
		if err != nil {
			continue // it has ended
		}
		row := make([]string, len(columns))
		for i, c := range columns {
			row[i] = c.value(m, p)
		}
		rows = append(rows, row)
	}
	return titles, rows, nil
}

// layout is the columns that options ask for, if they are all of those that need
// no ps: -e, -f, aux and the like, and -o with known columns.
func layout(args []string) ([]column, bool) {
	words := ""
	for i := 0; i < len(args); i++ {
		arg := args[i]
		at := strings.IndexByte(arg, 'o')
		if at < 0 {
			words += arg + " "
			continue
		}
		// -o COLUMNS, -oCOLUMNS, -eo COLUMNS: letters in front select processes only
		if !selects(arg[:at]) || !selects(words) {
			return nil, false
		}
		list := arg[at+1:]
		if list == "" {
			if i++; i == len(args) {
				return nil, false
			}
			list = args[i]
		}
		for _, rest := range args[i+1:] { // more than one list is for the real ps
			if !selects(rest) {
				return nil, false
			}
		}
		return named(list)
	}
	switch strings.TrimSpace(words) {
	case "-ef", "-fe", "-f", "-Af", "-fA", "-e -f", "-f -e":
		return full(), true
	case "aux", "-aux", "axu", "auwx", "auxw", "auxww":
		return user(), true
	}
	return nil, false
}

// selects tells whether options only say which processes to list.
func selects(words string) bool { return strings.Trim(words, "-eAax ") == "" }

// named finds columns by ps's names for them.
func named(list string) ([]column, bool) {
	var out []column
	for name := range strings.FieldsFuncSeq(list, func(r rune) bool { return r == ',' || r == ' ' }) {
		c, ok := columnOf(name)
		if !ok {
			return nil, false
		}
		out = append(out, c)
	}
	return out, len(out) > 0
}

// parse reads the output of ps: titles, then processes, of which those of pids are
// kept. A field that holds spaces can only be the last one.
func parse(output string, pids []int) (titles []string, rows [][]string, err error) {
	lines := strings.Split(output, "\n")
	titles = strings.Fields(lines[0])
	at := slices.Index(titles, "PID")
	if at < 0 {
		return nil, nil, errNoPID
	}
	keep, preceded := map[int]bool{}, false
	for _, pid := range pids {
		keep[pid] = true
	}
	for _, line := range lines[1:] {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		var pid int
		if at < len(fields) && fields[at] == "-" { // a thread of the process above (ps -m)
			if preceded {
				rows = append(rows, joinLast(fields, len(titles)))
			}
			continue
		}
		if at < len(fields) {
			pid, err = strconv.Atoi(fields[at])
		}
		if at >= len(fields) || err != nil {
			return nil, nil, fmt.Errorf("unexpected line of ps: %q", line)
		}
		if preceded = keep[pid]; preceded {
			rows = append(rows, joinLast(fields, len(titles)))
		}
	}
	return titles, rows, nil
}

// joinLast makes one field of all beyond the last title.
func joinLast(fields []string, n int) []string {
	if len(fields) <= n {
		return fields
	}
	return append(slices.Clone(fields[:n-1]), strings.Join(fields[n-1:], " "))
}
