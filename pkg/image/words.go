package image

import (
	"fmt"
	"strings"
)

// pairs reads "k=v k2='v 2'", or the old form "key the value".
func pairs(args string) ([][2]string, error) {
	words, err := split(args)
	if err != nil {
		return nil, err
	}
	if !strings.Contains(words[0], "=") {
		key, value, found := strings.Cut(args, " ")
		if !found {
			return nil, fmt.Errorf("%s must have two arguments", key)
		}
		return [][2]string{{unquote(key), unquote(strings.TrimSpace(value))}}, nil
	}
	var found [][2]string
	for _, w := range words {
		key, value, ok := strings.Cut(w, "=")
		if !ok {
			return nil, fmt.Errorf("can't find = in %q: it must be of the form name=value", w)
		}
		if key = unquote(key); key == "" {
			return nil, fmt.Errorf("a name cannot be empty")
		}
		found = append(found, [2]string{key, unquote(value)})
	}
	return found, nil
}

// split cuts text at blanks outside quotes. Quotes and backslashes stay: the
// part they are in is not known yet.
func split(text string) ([]string, error) {
	var words []string
	var word strings.Builder
	var quote rune
	escaped := false
	for _, c := range text {
		switch {
		case escaped:
			escaped = false
		case c == '\\' && quote != '\'':
			escaped = true
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == ' ' || c == '\t' || c == '\n':
			if word.Len() > 0 {
				words = append(words, word.String())
				word.Reset()
			}
			continue
		}
		word.WriteRune(c)
	}
	if quote != 0 {
		return nil, fmt.Errorf("unterminated quote %c", quote)
	}
	if word.Len() > 0 {
		words = append(words, word.String())
	}
	if len(words) == 0 {
		return nil, fmt.Errorf("an argument is missing")
	}
	return words, nil
}

// unquote takes away quotes and the backslashes that protect a character.
func unquote(text string) string {
	var out strings.Builder
	var quote rune
	escaped := false
	for _, c := range text {
		switch {
		case escaped:
			escaped = false
			if quote == '"' && c != '"' && c != '\\' && c != '$' {
				out.WriteRune('\\')
			}
			out.WriteRune(c)
			continue
		case c == '\\' && quote != '\'':
			escaped = true
			continue
		case quote != 0 && c == quote:
			quote = 0
			continue
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
			continue
		}
		out.WriteRune(c)
	}
	return out.String()
}
