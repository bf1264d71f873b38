package container

import (
	"regexp"
	"strings"
)

// nameMatches matches a name filter as dockerd does: a regular expression that
// may be found anywhere in the name, with or without its leading slash. What is
// not a regular expression is looked for as it is.
func nameMatches(name, pattern string) bool {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return strings.Contains(name, pattern)
	}
	return re.MatchString(name) || re.MatchString("/"+name)
}
