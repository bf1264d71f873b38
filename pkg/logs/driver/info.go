package driver

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"text/template"
	"time"
)

// Info is what a message can tell of its container. Its fields and methods are the
// words of the tag's template, so their names are Docker's.
type Info struct {
	ContainerID         string            `json:"id"`
	ContainerName       string            `json:"name"`
	ContainerEntrypoint string            `json:"entrypoint"`
	ContainerArgs       []string          `json:"args,omitempty"`
	ContainerImageID    string            `json:"imageID"`
	ContainerImageName  string            `json:"imageName"`
	ContainerCreated    time.Time         `json:"created"`
	ContainerEnv        []string          `json:"env,omitempty"`
	ContainerLabels     map[string]string `json:"labels,omitempty"`
	Config              map[string]string `json:"config,omitempty"` // the driver's options
	DaemonName          string            `json:"daemonName"`       // the program that runs the container
}

const shortID = 12

// ID is the container's id, shortened.
func (i *Info) ID() string { return i.ContainerID[:min(shortID, len(i.ContainerID))] }

// FullID is the container's whole id.
func (i *Info) FullID() string { return i.ContainerID }

// Name is the container's name, without a slash.
func (i *Info) Name() string { return strings.TrimPrefix(i.ContainerName, "/") }

// ImageID is the image's id, shortened as Docker does it: with its algorithm.
func (i *Info) ImageID() string { return i.ContainerImageID[:min(shortID, len(i.ContainerImageID))] }

// ImageFullID is the image's id with its algorithm.
func (i *Info) ImageFullID() string { return i.ContainerImageID }

// ImageName is the image as the user named it.
func (i *Info) ImageName() string { return i.ContainerImageName }

// Command is what the container runs, in one line.
func (i *Info) Command() string {
	return strings.Join(append([]string{i.ContainerEntrypoint}, i.ContainerArgs...), " ")
}

// Hostname is the machine's name.
func (i *Info) Hostname() (string, error) {
	name, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("logger: can not resolve hostname: %w", err)
	}
	return name, nil
}

// Tag is the text of the option tag. Where it is not given it is empty for
// json-file, and the short id for the others.
func (i *Info) Tag() (string, error) { return i.tag("{{.ID}}") }

func (i *Info) tag(otherwise string) (string, error) {
	text := i.Config[optTag]
	if text == "" {
		text = otherwise
	}
	t, err := template.New("log-tag").Funcs(functions()).Parse(text)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	if err := t.Execute(&b, i); err != nil {
		return "", err
	}
	return b.String(), nil
}

// functions are the ones that Docker's templates have.
func functions() template.FuncMap {
	return template.FuncMap{
		"json": func(v any) (string, error) {
			b, err := json.Marshal(v)
			return string(b), err
		},
		"split": strings.Split,
		"join":  strings.Join,
		"title": func(s string) string {
			if s == "" {
				return s
			}
			return strings.ToUpper(s[:1]) + s[1:]
		},
		"lower": strings.ToLower,
		"upper": strings.ToUpper,
		"pad": func(s string, before, after int) string {
			if s == "" {
				return s
			}
			return strings.Repeat(" ", max(before, 0)) + s + strings.Repeat(" ", max(after, 0))
		},
		"truncate": func(s string, n int) (string, error) {
			if n < 0 {
				return "", errors.New("truncate: a length below zero")
			}
			return s[:min(n, len(s))], nil
		},
	}
}

// Attributes are the labels and the variables that the options labels,
// labels-regex, env and env-regex select. name, if it is not nil, maps their names
// to what the driver calls them.
func (i *Info) Attributes(name func(string) string) (map[string]string, error) {
	if name == nil {
		name = func(s string) string { return s }
	}
	env := map[string]string{}
	for _, kv := range i.ContainerEnv {
		if k, v, ok := strings.Cut(kv, "="); ok {
			env[k] = v
		}
	}
	out := map[string]string{}
	for _, from := range []struct {
		values         map[string]string
		names, pattern string
	}{{i.ContainerLabels, optLabels, optLabelsRE}, {env, optEnv, optEnvRE}} {
		for key := range strings.SplitSeq(i.Config[from.names], ",") {
			if v, ok := from.values[key]; ok {
				out[name(key)] = v
			}
		}
		if i.Config[from.pattern] == "" {
			continue
		}
		re, err := regexp.Compile(i.Config[from.pattern])
		if err != nil {
			return nil, err
		}
		for key, v := range from.values {
			if re.MatchString(key) {
				out[name(key)] = v
			}
		}
	}
	return out, nil
}

// FileAttributes are what each entry of a json-file carries: the attributes, and
// the tag if the user has asked for one.
func (i *Info) FileAttributes() (map[string]string, error) {
	attrs, err := i.Attributes(nil)
	if err != nil {
		return nil, err
	}
	tag, err := i.tag("")
	if tag != "" {
		attrs[optTag] = tag
	}
	return attrs, err
}

// Remote is what nerd-logger is told about a container, as JSON.
type Remote struct {
	Driver string `json:"driver"`
	Info   Info   `json:"info"`
}
