package compose

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/compose-spec/compose-go/v2/dotenv"
)

// registerFormats tells the loader of the other format of an env_file: "raw".
var registerFormats = sync.OnceFunc(func() { dotenv.RegisterFormat("raw", readRaw) })

// readRaw reads variables as files of `run --env-file` have them: nothing is
// replaced or unquoted, and a name alone takes the value of the environment.
func readRaw(r io.Reader, name string, vars map[string]string, lookup func(string) (string, bool)) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxFileSize)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimLeft(lines.Text(), " \t")
		if n == 1 {
			line = strings.TrimPrefix(line, "\ufeff")
		}
		if line == "" || line[0] == '#' {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if key == "" || strings.ContainsAny(key, " \t") {
			return fmt.Errorf("%s:%d: %q is not the name of a variable", name, n, key)
		}
		if !ok && lookup != nil {
			value, ok = lookup(key)
		}
		if ok {
			vars[key] = value
		}
	}
	return lines.Err()
}
