package driver

import (
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func options(words ...string) map[string]string {
	out := map[string]string{}
	for _, w := range words {
		k, v, _ := strings.Cut(w, "=")
		out[k] = v
	}
	return out
}

// The texts are what Docker 26.1 answers.
func TestValidate(t *testing.T) {
	const init = "failed to initialize logging driver: "
	socket := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(socket, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		driver, opts, want string // opts are separated by spaces
	}{
		{JSONFile, "", ""},
		{JSONFile, "max-size=10k max-file=3 compress=true tag={{.Name}} labels=a labels-regex=^b env=C env-regex=^D", ""},
		{JSONFile, "mode=non-blocking max-buffer-size=4m", ""},
		{JSONFile, "mode=blocking cache-disabled=true", ""},
		{JSONFile, "x=1", "unknown log opt 'x' for json-file log driver"},
		{JSONFile, "mode=foo", "logger: logging mode not supported: foo"},
		{JSONFile, "max-buffer-size=1m", "logger: max-buffer-size option is only supported with 'mode=non-blocking'"},
		{JSONFile, "mode=non-blocking max-buffer-size=x", "error parsing option max-buffer-size: invalid size: 'x'"},
		{JSONFile, "max-size=", init + "invalid size: ''"},
		{JSONFile, "max-size=large", init + "invalid size: 'large'"},
		{JSONFile, "max-size=-5", init + "invalid size: '-5'"},
		{JSONFile, "max-size=0", init + "max-size must be a positive number"},
		{JSONFile, "max-size=5", ""},
		{JSONFile, "max-file=0", init + "max-file cannot be less than 1"},
		{JSONFile, "max-file=x", init + `strconv.Atoi: parsing "x": invalid syntax`},
		{JSONFile, "compress=x", init + `strconv.ParseBool: parsing "x": invalid syntax`},
		{JSONFile, "compress=true", init + "compress cannot be true when max-file is less than 2 or max-size is not set"},
		{JSONFile, "tag={{.ID", init + "template: log-tag:1: unclosed action"},
		{JSONFile, "tag={{.Foo}}", init + `template: log-tag:1:2: executing "log-tag" at <.Foo>: can't evaluate field Foo in type *driver.Info`},
		{JSONFile, "labels-regex=(", init + "error parsing regexp: missing closing ): `(`"},
		{JSONFile, "env-regex=(", init + "error parsing regexp: missing closing ): `(`"},
		{Local, "max-size=1m max-file=2 compress=false", ""},
		{Local, "max-file=1", ""},
		{Local, "labels=a", "unknown log opt 'labels' for log driver local"},
		{Local, "max-size=x", init + "invalid value for max-size: x: invalid size: 'x'"},
		{Local, "max-file=0", init + "compression cannot be enabled when max file count is 1"},
		{Local, "max-file=x", init + `invalid value for max-file: x: strconv.Atoi: parsing "x": invalid syntax`},
		{Local, "compress=x", init + `error reading compress log option: strconv.ParseBool: parsing "x": invalid syntax`},
		{None, "", ""},
		{None, "mode=foo", "invalid logging opts for driver none"},
		{"nosuch", "a=b", `error looking up logging plugin nosuch: plugin "nosuch" not found`},
		{"etwlogs", "", `error looking up logging plugin etwlogs: plugin "etwlogs" not found`},
		{"logentries", "", "the logentries logging driver has been deprecated and removed"},
		{"awslogs", "", "the awslogs logging driver is not part of nerd: use fluentd, syslog or gelf and have that service's own agent forward the messages"},
		{Journald, "tag=x labels=a", ""},
		{Journald, "x=1", "unknown log opt 'x' for journald log driver"},
		{Syslog, "", ""},
		{Syslog, "max-size=1k", "unknown log opt 'max-size' for syslog log driver"},
		{Syslog, "syslog-address=foo", "unsupported scheme: ''"},
		{Syslog, "syslog-address=foo://bar", "unsupported scheme: 'foo'"},
		{Syslog, "syslog-address=unix:///no/such", "stat /no/such: no such file or directory"},
		{Syslog, "syslog-address=unix://" + socket, ""},
		{Syslog, "syslog-address=tcp://localhost", ""},
		{Syslog, "syslog-facility=zz", "invalid syslog facility"},
		{Syslog, "syslog-facility=24", "invalid syslog facility"},
		{Syslog, "syslog-facility=23", ""},
		{Syslog, "syslog-facility=local7", ""},
		{Syslog, "syslog-format=zz", "Invalid syslog format"},
		{Syslog, "syslog-format=rfc5424micro", ""},
		{Syslog, "cache-disabled=zz", "invalid value for option cache-disabled: zz"},
		{Syslog, "cache-max-size=zz", "invalid value for option cache-max-size: zz"},
		{Syslog, "cache-max-file=0", "invalid value for option cache-max-file: 0"},
		{Fluentd, "x=1", "unknown log opt 'x' for fluentd log driver"},
		{Fluentd, "fluentd-address=foo://x", "invalid fluentd-address (foo://x): unsupported scheme: 'foo'"},
		{Fluentd, "fluentd-address=x:y:z", `invalid fluentd-address (x:y:z): parse "tcp://x:y:z": invalid port ":z" after host`},
		{Fluentd, "fluentd-address=tcp://h:1/x", "invalid fluentd-address (tcp://h:1/x): should not contain a path element"},
		{Fluentd, "fluentd-address=unix://", "invalid fluentd-address (unix://): path is empty"},
		{Fluentd, "fluentd-async=true fluentd-async-connect=true", "conflicting options: cannot specify both 'fluentd-async' and 'fluentd-async-connect'"},
		{Fluentd, "fluentd-async=zz", `strconv.ParseBool: parsing "zz": invalid syntax`},
		{Fluentd, "fluentd-buffer-limit=zz", "invalid size: 'zz'"},
		{Fluentd, "fluentd-retry-wait=zz", `time: invalid duration "zz"`},
		{Fluentd, "fluentd-max-retries=-1", `strconv.ParseUint: parsing "-1": invalid syntax`},
		{Fluentd, "fluentd-async-reconnect-interval=zz", `invalid value for fluentd-async-reconnect-interval: time: invalid duration "zz"`},
		{Fluentd, "fluentd-async-reconnect-interval=5ms", `invalid value for fluentd-async-reconnect-interval: value ("5ms") must be between 100ms and 10s`},
		{GELF, "", "gelf-address is a required parameter"},
		{GELF, "x=1", "gelf-address is a required parameter"},
		{GELF, "gelf-address=udp://x:1 x=1", "unknown log opt 'x' for gelf log driver"},
		{GELF, "gelf-address=foo", "gelf: endpoint needs to be TCP or UDP"},
		{GELF, "gelf-address=udp://x", "gelf: please provide gelf-address as proto://host:port"},
		{GELF, "gelf-address=udp://x:1 gelf-compression-type=zz", `unknown value "zz" for log opt "gelf-compression-type" for gelf log driver`},
		{GELF, "gelf-address=udp://x:1 gelf-compression-level=12", `unknown value "12" for log opt "gelf-compression-level" for gelf log driver`},
		{GELF, "gelf-address=tcp://x:1 gelf-compression-type=none", "compression is only supported on UDP"},
		{GELF, "gelf-address=udp://x:1 gelf-tcp-max-reconnect=1", `"gelf-tcp-max-reconnect" is only valid for TCP`},
		{GELF, "gelf-address=tcp://x:1 gelf-tcp-max-reconnect=-1", `"gelf-tcp-max-reconnect" must be a positive integer`},
		{GELF, "gelf-address=tcp://x:1 gelf-tcp-reconnect-delay=2", ""},
	} {
		err := Validate(c.driver, options(strings.Fields(c.opts)...))
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s %s\n got %q\nwant %q", c.driver, c.opts, got, c.want)
		}
	}
}

func TestFileOf(t *testing.T) {
	local := &File{Format: FormatLines, MaxSize: 20e6, MaxFile: 5, Compress: true}
	for _, c := range []struct {
		driver, opts string
		want         *File
	}{
		{None, "", nil},
		{JSONFile, "", &File{Format: FormatJSON, MaxFile: 1}},
		{JSONFile, "max-size=1m max-file=2 compress=1", &File{Format: FormatJSON, MaxSize: 1e6, MaxFile: 2, Compress: true}},
		{Local, "", local},
		{Local, "max-file=1", &File{Format: FormatLines, MaxSize: 20e6, MaxFile: 1}},
		{Syslog, "", local},
		{Syslog, "cache-disabled=true", nil},
		{Syslog, "cache-max-size=1k cache-max-file=2 cache-compress=false", &File{Format: FormatLines, MaxSize: 1000, MaxFile: 2}},
	} {
		if got, err := FileOf(c.driver, options(strings.Fields(c.opts)...)); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s %s: %+v, %v", c.driver, c.opts, got, err)
		}
	}
}

func TestBuffer(t *testing.T) {
	for opts, want := range map[string]int64{
		"": 0, "mode=blocking": 0, "mode=non-blocking": DefaultBuffer, "mode=non-blocking max-buffer-size=4m": 4 << 20,
	} {
		if got := Buffer(options(strings.Fields(opts)...)); got != want {
			t.Errorf("%q: %d", opts, got)
		}
	}
}

func testInfo(opts ...string) *Info {
	return &Info{
		ContainerID: strings.Repeat("ab", 32), ContainerName: "/web", ContainerEntrypoint: "sh", ContainerArgs: []string{"-c", "true"},
		ContainerImageID: "sha256:" + strings.Repeat("cd", 32), ContainerImageName: "busybox:1", ContainerCreated: time.Unix(1, 0),
		ContainerEnv: []string{"A=1", "B=x=y", "NOVALUE"}, ContainerLabels: map[string]string{"l1": "v1", "l2": "v2"},
		Config: options(opts...), DaemonName: "nerd",
	}
}

func TestTag(t *testing.T) {
	id, image := strings.Repeat("ab", 32), strings.Repeat("cd", 32)
	for text, want := range map[string]string{
		"":                 id[:12],
		"{{.ID}}":          id[:12],
		"{{.FullID}}":      id,
		"{{.Name}}":        "web",
		"{{.ImageName}}":   "busybox:1",
		"{{.ImageID}}":     "sha256:" + image[:5],
		"{{.ImageFullID}}": "sha256:" + image,
		"{{.DaemonName}}":  "nerd",
		"{{.Command}}":     "sh -c true",
		`{{upper .Name}}/{{index (split .ImageName ":") 1}}`: "WEB/1",
		`{{truncate .Name 2}}{{pad .Name 1 1}}`:              "we web ",
		`{{index .ContainerLabels "l1"}}`:                    "v1",
	} {
		if got, err := testInfo("tag=" + text).Tag(); err != nil || got != want {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}

func TestAttributes(t *testing.T) {
	for _, c := range []struct {
		opts []string
		want map[string]string
	}{
		{nil, map[string]string{}},
		{[]string{"labels=l1,none", "env=B"}, map[string]string{"l1": "v1", "B": "x=y"}},
		{[]string{"labels-regex=^l", "env-regex=^(A|NO)"}, map[string]string{"l1": "v1", "l2": "v2", "A": "1"}},
		{[]string{"tag={{.Name}}", "env=NOVALUE"}, map[string]string{"tag": "web"}},
	} {
		if got, err := testInfo(c.opts...).FileAttributes(); err != nil || !maps.Equal(got, c.want) {
			t.Errorf("%q: %v, %v", c.opts, got, err)
		}
	}
	got, err := testInfo("labels=l1").Attributes(strings.ToUpper)
	if err != nil || got["L1"] != "v1" {
		t.Errorf("renamed: %v, %v", got, err)
	}
}

func TestDefaults(t *testing.T) {
	s, err := SyslogOf(nil)
	if err != nil || *s != (SyslogConfig{Facility: 3}) {
		t.Errorf("syslog: %+v, %v", s, err)
	}
	f, err := FluentdOf(options("fluentd-address=host"))
	if err != nil || f.Network != "tcp" || f.Address != "host:24224" || f.RetryWait != time.Second {
		t.Errorf("fluentd: %+v, %v", f, err)
	}
	g, err := GELFOf(options("gelf-address=udp://h:1"))
	if err != nil || g.Compression != "gzip" || g.Address != "h:1" {
		t.Errorf("gelf: %+v, %v", g, err)
	}
}

// Options come from the command line; none may be able to break a parser.
func FuzzValidate(f *testing.F) {
	f.Add(Syslog, "syslog-address", "tcp://[::1]:x")
	f.Add(Fluentd, "fluentd-address", "unix:///")
	f.Add(JSONFile, "tag", "{{range .ContainerArgs}}{{end}}")
	f.Add(GELF, "gelf-address", "udp://:0")
	f.Fuzz(func(t *testing.T, name, key, value string) {
		if err := Validate(name, map[string]string{key: value}); err == nil {
			if _, err := FileOf(name, map[string]string{key: value}); err != nil {
				t.Errorf("%s %s=%s was accepted: %v", name, key, value, err)
			}
		}
	})
}
