package cgroup

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// maxCPU bounds the numbers of a list, as in dockerd: the kernel knows no more.
const maxCPU = 8191

// errList is the reason why a list cannot be read.
var errList = errors.New("invalid format")

// ParseList reads a list of processors or memory nodes in the kernel's notation,
// such as "0-3,7". An empty text is an empty set.
func ParseList(text string) (map[int]bool, error) {
	out := map[int]bool{}
	if text == "" {
		return out, nil
	}
	bad := func() error { return fmt.Errorf("%w: %s", errList, text) }
	for part := range strings.SplitSeq(text, ",") {
		first, last, isRange := strings.Cut(part, "-")
		low, err := number(first)
		if err != nil {
			return nil, bad()
		}
		high := low
		if isRange {
			if high, err = number(last); err != nil || high < low {
				return nil, bad()
			}
		}
		for n := low; n <= high; n++ {
			out[n] = true
		}
	}
	return out, nil
}

func number(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n > maxCPU {
		return 0, errList
	}
	return int(n), nil
}

// Within tells whether all of a list are among those that there are; where that
// is not known, they are.
func Within(asked, available string) (bool, error) {
	want, err := ParseList(asked)
	if err != nil {
		return false, err
	}
	have, err := ParseList(available)
	if err != nil || available == "" {
		return true, nil //nolint:nilerr // the machine's own list is not the user's mistake
	}
	for n := range want {
		if !have[n] {
			return false, nil
		}
	}
	return true, nil
}
