package main

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// maxLine is where Docker cuts a line: a longer one becomes several entries, of
// which only the last ends in a newline.
const maxLine = 16 << 10

// growth is the most that escaping lengthens a byte: \u0001.
const growth = 6

// cutLine is the length of the next entry in b: a line with its newline, a
// piece of a long line, or with final whatever is left. 0: more must come. A
// piece does not end within a character.
func cutLine(b []byte, final bool) (n int, whole bool) {
	if i := bytes.IndexByte(b[:min(len(b), maxLine)], '\n'); i >= 0 {
		return i + 1, true
	}
	if len(b) < maxLine {
		if final {
			return len(b), false
		}
		return 0, false
	}
	for i := maxLine - 1; i > maxLine-utf8.UTFMax; i-- {
		if utf8.RuneStart(b[i]) {
			if !utf8.FullRune(b[i:maxLine]) {
				return i, false
			}
			break
		}
	}
	return maxLine, false
}

// plain holds the bytes that a JSON string carries unchanged in Docker's log,
// which escapes <, > and & too.
var plain = func() (t [utf8.RuneSelf]bool) {
	for b := range byte(utf8.RuneSelf) {
		t[b] = b >= ' ' && b != '"' && b != '\\' && b != '<' && b != '>' && b != '&'
	}
	return t
}()

// appendEscaped appends s as the inside of a JSON string, byte for byte as
// Docker's json-file driver writes it.
func appendEscaped(out, s []byte) []byte {
	const hex = "0123456789abcdef"
	start := 0
	for i := 0; i < len(s); {
		b := s[i]
		if b < utf8.RuneSelf {
			if plain[b] {
				i++
				continue
			}
			out = append(out, s[start:i]...)
			switch b {
			case '"', '\\':
				out = append(out, '\\', b)
			case '\n':
				out = append(out, '\\', 'n')
			case '\r':
				out = append(out, '\\', 'r')
			default:
				out = append(out, '\\', 'u', '0', '0', hex[b>>4], hex[b&15])
			}
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRune(s[i:])
		if r != '\u2028' && r != '\u2029' && (r != utf8.RuneError || size > 1) {
			i += size
			continue
		}
		out = append(out, s[start:i]...)
		if size == 1 {
			out = append(out, `\ufffd`...)
		} else {
			out = append(out, '\\', 'u', '2', '0', '2', hex[r&15])
		}
		i += size
		start = i
	}
	return append(out, s[start:]...)
}

// tail is what follows the text of an entry.
func appendTail(b []byte, stream int, attrs string, ns int64) []byte {
	b = append(b, `","stream":"`...)
	b = append(b, streamNames[stream]...)
	if attrs != "" {
		b = append(b, `","attrs":`...)
		b = append(b, attrs...)
		b = append(b, `,"time":"`...)
	} else {
		b = append(b, `","time":"`...)
	}
	b = appendTime(b, ns)
	return append(b, "\"}\n"...)
}

// appendHead is what precedes the tag of an entry in lines.
func appendHead(b []byte, stream int, ns int64) []byte {
	b = append(appendTime(b, ns), ' ')
	return append(append(b, streamNames[stream]...), ' ')
}

var streamNames = [2]string{"stdout", "stderr"}

// appendTime appends ns, nanoseconds after 1970, in UTC as RFC 3339 with the
// fraction's trailing zeros cut. Package time would cost memory that nothing
// else here needs.
func appendTime(b []byte, ns int64) []byte {
	secs, frac := ns/1e9, ns%1e9
	if frac < 0 {
		secs, frac = secs-1, frac+1e9
	}
	days, clock := secs/86400, secs%86400
	if clock < 0 {
		days, clock = days-1, clock+86400
	}
	year, month, day := civil(days)
	b = appendPadded(b, year, 4)
	b = appendPadded(append(b, '-'), month, 2)
	b = appendPadded(append(b, '-'), day, 2)
	b = appendPadded(append(b, 'T'), clock/3600, 2)
	b = appendPadded(append(b, ':'), clock/60%60, 2)
	b = appendPadded(append(b, ':'), clock%60, 2)
	if frac != 0 {
		b = appendPadded(append(b, '.'), frac, 9)
		for b[len(b)-1] == '0' {
			b = b[:len(b)-1]
		}
	}
	return append(b, 'Z')
}

// civil turns days after 1970-01-01 into a date of the Gregorian calendar. It
// counts in eras of 400 years that start on the first of March, so that the leap
// day is the last day of a year.
func civil(days int64) (year, month, day int64) {
	days += 719468
	era := days / 146097
	if days < 0 {
		era = (days - 146096) / 146097
	}
	doe := days - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	day = doy - (153*mp+2)/5 + 1
	month = mp + 3
	year = yoe + era*400
	if month > 12 {
		month -= 12
		year++
	}
	return year, month, day
}

func appendPadded(b []byte, v int64, width int) []byte {
	var digits [20]byte
	s := strconv.AppendInt(digits[:0], v, 10)
	for range width - len(s) {
		b = append(b, '0')
	}
	return append(b, s...)
}
