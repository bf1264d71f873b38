// Package driver knows Docker's log drivers: which there are, what their options
// mean, and what of a container goes into each message. It is pure: it opens
// nothing and sends nothing.
package driver

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/go-units"
)

// The drivers that nerd has.
const (
	JSONFile = "json-file"
	Local    = "local"
	None     = "none"
	Journald = "journald"
	Syslog   = "syslog"
	Fluentd  = "fluentd"
	GELF     = "gelf"
)

// Names are the drivers that nerd has, sorted.
func Names() []string { return []string{Fluentd, GELF, Journald, JSONFile, Local, None, Syslog} }

// Options that all drivers share.
const (
	optMode       = "mode"
	optBuffer     = "max-buffer-size"
	optTag        = "tag"
	optLabels     = "labels"
	optLabelsRE   = "labels-regex"
	optEnv        = "env"
	optEnvRE      = "env-regex"
	optMaxSize    = "max-size"
	optMaxFile    = "max-file"
	optCompress   = "compress"
	cachePrefix   = "cache-"
	cacheDisabled = cachePrefix + "disabled"

	modeBlocking    = "blocking"
	modeNonBlocking = "non-blocking"
)

// shared are the options that every driver accepts.
var shared = []string{optMode, optBuffer, cacheDisabled, cachePrefix + optMaxSize, cachePrefix + optMaxFile, cachePrefix + optCompress}

// about are the options by which a message tells of its container.
var about = []string{optTag, optLabels, optLabelsRE, optEnv, optEnvRE}

// IsRemote tells whether a driver sends messages somewhere, rather than keep them
// in a file.
func IsRemote(name string) bool {
	switch name {
	case Journald, Syslog, Fluentd, GELF:
		return true
	}
	return false
}

// Validate checks a driver and its options. The messages are Docker's. What Docker
// finds only when it starts the container is found here already, and says so as it
// does there: "failed to initialize logging driver".
func Validate(name string, opts map[string]string) error {
	if err := known(name); err != nil {
		return err
	}
	if name == None {
		if len(opts) > 0 {
			return errors.New("invalid logging opts for driver none")
		}
		return nil
	}
	if err := validateShared(opts); err != nil {
		return err
	}
	own := ownOptions[name]
	if name == GELF && opts[gelfAddress] == "" { // before any other complaint, as in Docker
		return own.check(opts)
	}
	for _, key := range slices.Sorted(maps.Keys(opts)) {
		if slices.Contains(shared, key) || slices.Contains(own.names, key) {
			continue
		}
		return unknownOption(name, key)
	}
	if err := own.check(opts); err != nil {
		return err
	}
	if err := validateInit(name, opts); err != nil {
		return fmt.Errorf("failed to initialize logging driver: %w", err)
	}
	return nil
}

func unknownOption(name, key string) error {
	if name == Local {
		return fmt.Errorf("unknown log opt '%s' for log driver %s", key, name)
	}
	return fmt.Errorf("unknown log opt '%s' for %s log driver", key, name)
}

// known refuses drivers that nerd does not have.
func known(name string) error {
	switch {
	case slices.Contains(Names(), name):
		return nil
	case name == "logentries":
		return errors.New("the logentries logging driver has been deprecated and removed")
	case name == "awslogs" || name == "gcplogs" || name == "splunk":
		return fmt.Errorf("the %s logging driver is not part of nerd: use fluentd, syslog or gelf and have that service's own agent forward the messages", name)
	}
	return fmt.Errorf("error looking up logging plugin %s: plugin %q not found", name, name)
}

func validateShared(opts map[string]string) error {
	switch opts[optMode] {
	case "", modeBlocking, modeNonBlocking:
	default:
		return fmt.Errorf("logger: logging mode not supported: %s", opts[optMode])
	}
	if size, ok := opts[optBuffer]; ok {
		if opts[optMode] != modeNonBlocking {
			return fmt.Errorf("logger: %s option is only supported with 'mode=%s'", optBuffer, modeNonBlocking)
		}
		if _, err := units.RAMInBytes(size); err != nil {
			return fmt.Errorf("error parsing option %s: %w", optBuffer, err)
		}
	}
	for _, key := range []string{cacheDisabled, cachePrefix + optCompress} {
		if value, ok := opts[key]; ok {
			if _, err := strconv.ParseBool(value); err != nil {
				return fmt.Errorf("invalid value for option %s: %s", key, value)
			}
		}
	}
	cache := cacheOptions(opts)
	if _, err := units.FromHumanSize(cache[optMaxSize]); cache[optMaxSize] != "" && err != nil {
		return fmt.Errorf("invalid value for option %s: %s", cachePrefix+optMaxSize, cache[optMaxSize])
	}
	if n, err := strconv.Atoi(cache[optMaxFile]); cache[optMaxFile] != "" && (err != nil || n < 1) {
		return fmt.Errorf("invalid value for option %s: %s", cachePrefix+optMaxFile, cache[optMaxFile])
	}
	return nil
}

// cacheOptions are the options of the local copy, without their prefix.
func cacheOptions(opts map[string]string) map[string]string {
	out := map[string]string{}
	for key, value := range opts {
		if name, ok := strings.CutPrefix(key, cachePrefix); ok {
			out[name] = value
		}
	}
	return out
}

// validateInit finds what Docker finds when it starts the container.
func validateInit(name string, opts map[string]string) error {
	if _, err := FileOf(name, opts); err != nil {
		return err
	}
	if name == Local {
		return nil
	}
	probe := Info{ContainerID: strings.Repeat("0", 64), ContainerImageID: "sha256:" + strings.Repeat("0", 64), Config: opts}
	if _, err := probe.Tag(); err != nil {
		return err
	}
	_, err := probe.Attributes(nil)
	return err
}

// ownOptions are what each driver accepts beside the shared ones, and how it
// checks their values before a container is made.
var ownOptions = map[string]struct {
	names []string
	check func(map[string]string) error
}{
	JSONFile: {append([]string{optMaxSize, optMaxFile, optCompress}, about...), nothing},
	Local:    {[]string{optMaxSize, optMaxFile, optCompress}, nothing},
	Journald: {about, nothing},
	Syslog:   {append(syslogOptions, about...), func(opts map[string]string) error { _, err := SyslogOf(opts); return err }},
	Fluentd:  {append(fluentdOptions, about...), func(opts map[string]string) error { _, err := FluentdOf(opts); return err }},
	GELF:     {append(gelfOptions, about...), func(opts map[string]string) error { _, err := GELFOf(opts); return err }},
}

func nothing(map[string]string) error { return nil }
