package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// recordShapes, an environment variable, makes TestShapes write what the target
// shows into testdata/shapes instead of comparing with it: hack/record-shapes.sh
// does that with Docker.
const recordShapes = "NERD_TEST_RECORD"

// shapeSteps makes the objects that are shown; NAME and IMG are filled in.
var shapeSteps = []string{
	"network create --label a=b NAME-net",
	"volume create --label a=b NAME-vol",
	"run -d --name NAME-up --label a=b -e K=V -p 127.0.0.1::80 -v NAME-vol:/data --tmpfs /scratch --memory 64m --cpus 0.5 --restart unless-stopped" +
		" --ulimit nofile=100:200 --cap-add NET_ADMIN --health-cmd true --health-interval 1h --log-opt max-size=1m IMG sleep 1000",
	"run --name NAME-end --network NAME-net IMG true",
	"create --name NAME-new IMG true",
}

// shapeViews are what is shown, by the name of the file with its shape.
var shapeViews = map[string]string{
	"inspect-running": "inspect NAME-up",
	"inspect-exited":  "inspect NAME-end",
	"inspect-created": "inspect NAME-new",
	"inspect-size":    "inspect --size NAME-new",
	"inspect-image":   "image inspect IMG",
	"inspect-network": "network inspect NAME-net",
	"inspect-bridge":  "network inspect bridge",
	"inspect-volume":  "volume inspect NAME-vol",
	"ps":              "ps -a --size --no-trunc --filter name=NAME- --format json",
	"stats":           "stats --no-stream --format json NAME-up",
	"events-create":   "events --since 10m --until 0s --filter container=NAME-end --filter event=create --format json",
	"events-die":      "events --since 10m --until 0s --filter container=NAME-end --filter event=die --format json",
	"events-network":  "events --since 10m --until 0s --filter network=NAME-net --filter event=create --format json",
	"events-volume":   "events --since 10m --until 0s --filter volume=NAME-vol --filter event=create --format json",
}

// shapeDeviations are the places, "VIEW PLACE", where nerd shows another name or
// type than Docker 26.1, with the reason. A star stands for anything. What is
// listed and does not deviate is a failure too.
var shapeDeviations = map[string]string{
	"inspect-* [].Config.OnBuild":                        "since Docker 28 left out where it is empty",
	"inspect-* [].NetworkSettings.Networks.*.GwPriority": "new in Docker 28",
	"inspect-network [].EnableIPv4":                      "new in Docker 28",
	"inspect-bridge [].EnableIPv4":                       "new in Docker 28",
	"inspect-image [].Descriptor*":                       "Docker's with containerd's image store, which is nerd's",
	"inspect-image [].Parent":                            "of the classic builder; gone with containerd's image store",
	"inspect-image [].DockerVersion":                     "left out by Docker 29 where it is empty",
	"inspect-image [].Author":                            "left out by Docker 29 where it is empty",
	"inspect-image [].Comment":                           "left out by Docker 29 where it is empty",
	"inspect-image [].Config.Attach*":                    "of containers; gone from images in Docker 29",
	"inspect-image [].Config.*name":                      "of containers; gone from images in Docker 29",
	"inspect-image [].Config.Image":                      "of containers; gone from images in Docker 29",
	"inspect-image [].Config.*Std*":                      "of containers; gone from images in Docker 29",
	"inspect-image [].Config.Tty":                        "of containers; gone from images in Docker 29",
	"inspect-image [].Config.User":                       "left out by Docker 29 where it is empty",
	"inspect-image [].Config.WorkingDir":                 "left out by Docker 29 where it is empty",
	"inspect-image [].Config.Entrypoint":                 "left out by Docker 29 where it is empty",
	"inspect-image [].Config.Volumes":                    "left out by Docker 29 where it is empty",
	"ps .HealthStatus":                                   "new in Docker 29",
	"ps .Platform":                                       "new in Docker 28",
}

// What nerd shows has the names and the types of what Docker shows.
func TestShapes(t *testing.T) {
	s := newShell(t, "shapes")
	fill := func(line string) []string {
		return strings.Fields(strings.NewReplacer("NAME", s.name, "IMG", s.img).Replace(line))
	}
	for _, step := range shapeSteps {
		s.must(fill(step)...)
	}
	defer func() {
		for _, step := range []string{"rm -f NAME-up NAME-end NAME-new", "network rm NAME-net", "volume rm NAME-vol"} {
			if out, err := s.nerd(fill(step)...).CombinedOutput(); err != nil {
				t.Errorf("%s: %v %s", step, err, out)
			}
		}
	}()
	used := map[string]bool{}
	for _, view := range slices.Sorted(maps.Keys(shapeViews)) {
		got := shapeOf(t, s.shown(fill(shapeViews[view])), s.name)
		file := filepath.Join("testdata", "shapes", view+".txt")
		if os.Getenv(recordShapes) != "" {
			if err := os.WriteFile(file, []byte(strings.Join(got, "\n")+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range shapeDiff(strings.Split(strings.TrimSpace(string(data)), "\n"), got) {
			if why := deviation(view, d, used); why == "" || s.e.target == "docker" {
				t.Errorf("%s: %s", view, d)
			}
		}
	}
	for place := range shapeDeviations {
		if !used[place] && s.e.target == "nerd" && os.Getenv(recordShapes) == "" {
			t.Errorf("%s is listed as a deviation and is none", place)
		}
	}
}

// shown waits until a command shows something: Docker's events of this second are
// not yet in the past.
func (s *shell) shown(args []string) []byte {
	s.Helper()
	for range 50 {
		cmd := s.nerd(args...)
		out, err := cmd.Output()
		if err != nil {
			s.Fatalf("%s: %v", strings.Join(args, " "), err)
		}
		if len(bytes.TrimSpace(out)) > 0 {
			return out
		}
		s.must("version") // takes a moment
	}
	s.Fatalf("%s shows nothing", strings.Join(args, " "))
	return nil
}

// deviation is why a difference, "PLACE: ...", is as it should be.
func deviation(view, diff string, used map[string]bool) string {
	place, _, _ := strings.Cut(diff, ": ")
	reason := ""
	for listed, why := range shapeDeviations {
		ok, err := path.Match(strings.ReplaceAll(listed, "[]", `\[\]`), view+" "+place)
		if ok && err == nil {
			used[listed], reason = true, why
		}
	}
	return reason
}

// shapeOf lists the places in JSON documents with their types, PLACE: TYPE. The
// elements of a list are at the place of the list with [] behind it.
func shapeOf(t *testing.T, data []byte, name string) []string {
	t.Helper()
	found := map[string]map[string]bool{}
	dec := json.NewDecoder(bytes.NewReader(data))
	for {
		var v any
		err := dec.Decode(&v)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in %s", err, data)
		}
		addShape(found, "", v, name)
	}
	var out []string
	for _, place := range slices.Sorted(maps.Keys(found)) {
		out = append(out, place+": "+strings.Join(slices.Sorted(maps.Keys(found[place])), "|"))
	}
	return out
}

func addShape(found map[string]map[string]bool, place string, v any, name string) {
	kind := "null"
	switch v := v.(type) {
	case map[string]any:
		kind = "object"
		for key, value := range v {
			addShape(found, place+"."+shapeKey(key, name), value, name)
		}
	case []any:
		kind = "list"
		for _, value := range v {
			addShape(found, place+"[]", value, name)
		}
	case string, float64, bool:
		kind = fmt.Sprintf("%T", v)
	}
	if place == "" {
		place = "."
	}
	if found[place] == nil {
		found[place] = map[string]bool{}
	}
	found[place][kind] = true
}

// shapeKey is a key without what differs each time: names and ids.
func shapeKey(key, name string) string {
	if len(key) == 64 && strings.Trim(key, "0123456789abcdef") == "" {
		return "ID"
	}
	return strings.ReplaceAll(key, name, "NAME")
}

// shapeDiff says what is missing, more, or of another type. Where one side has
// null the other may have a list or an object: they are empty.
func shapeDiff(want, got []string) []string {
	read := func(lines []string) map[string]string {
		out := map[string]string{}
		for _, line := range lines {
			i := strings.LastIndex(line, ": ")
			out[line[:i]] = line[i+2:]
		}
		return out
	}
	w, g := read(want), read(got)
	empty := func(kind string) bool {
		return kind == "null" || kind == "list" || kind == "object" || kind == "list|null" || kind == "null|object"
	}
	var out []string
	for _, place := range slices.Sorted(maps.Keys(w)) {
		have, ok := g[place]
		switch {
		case !ok && !insideEmpty(place, g):
			out = append(out, place+": missing, "+w[place]+" in Docker's")
		case ok && have != w[place] && (!empty(have) || !empty(w[place])):
			out = append(out, place+": "+have+", "+w[place]+" in Docker's")
		}
	}
	for _, place := range slices.Sorted(maps.Keys(g)) {
		if _, ok := w[place]; !ok && !insideEmpty(place, w) {
			out = append(out, place+": "+g[place]+", not in Docker's")
		}
	}
	return out
}

// insideEmpty tells whether a place is in a list or an object that is empty on the
// other side.
func insideEmpty(place string, other map[string]string) bool {
	for i := len(place) - 1; i > 0; i-- {
		if place[i] != '.' && place[i] != '[' {
			continue
		}
		kind, ok := other[place[:i]]
		if !ok {
			continue
		}
		if kind == "null" || place[i] == '[' {
			return true
		}
		return false
	}
	return false
}
