package container

import "regexp"

// namePattern reads a name filter as dockerd does: a regular expression that may
// be found anywhere in the name, with or without its leading slash. What is not a
// regular expression is looked for as it is.
func namePattern(pattern string) *regexp.Regexp {
	re, err := regexp.Compile(pattern)
	if err != nil {
		re, _ = regexp.Compile(regexp.QuoteMeta(pattern)) // which is one
	}
	return re
}

// matchesName tells whether a pattern is found in a container's name.
func matchesName(re *regexp.Regexp, name string) bool {
	return re.MatchString(name) || re.MatchString("/"+name)
}
