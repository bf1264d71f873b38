package image

import (
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/google/go-cmp/cmp"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func TestApplyChanges(t *testing.T) {
	oci := func(c ocispec.ImageConfig) dockerspec.DockerOCIImageConfig {
		return dockerspec.DockerOCIImageConfig{ImageConfig: c}
	}
	for _, c := range []struct {
		changes []string
		want    dockerspec.DockerOCIImageConfig
	}{
		{nil, oci(ocispec.ImageConfig{})},
		{[]string{`CMD ["a","b c"]`}, oci(ocispec.ImageConfig{Cmd: []string{"a", "b c"}})},
		{[]string{`cmd a b`}, oci(ocispec.ImageConfig{Cmd: []string{"/bin/sh", "-c", "a b"}})},
		{[]string{`CMD [`}, oci(ocispec.ImageConfig{Cmd: []string{"/bin/sh", "-c", "["}})},
		{
			[]string{`ENTRYPOINT ["/x"]`, "USER 1:2", "WORKDIR /a", "WORKDIR b", "STOPSIGNAL SIGQUIT"},
			oci(ocispec.ImageConfig{Entrypoint: []string{"/x"}, User: "1:2", WorkingDir: "/a/b", StopSignal: "SIGQUIT"}),
		},
		{
			[]string{`ENV A=1 B="two words" C='x'`, "ENV A=2", `ENV D three  words`},
			oci(ocispec.ImageConfig{Env: []string{"B=two words", "C=x", "A=2", "D=three  words"}}),
		},
		{[]string{`ENV A=a\ b`}, oci(ocispec.ImageConfig{Env: []string{"A=a b"}})},
		{[]string{`LABEL "a b"="c=d" e=`}, oci(ocispec.ImageConfig{Labels: map[string]string{"a b": "c=d", "e": ""}})},
		{[]string{"EXPOSE 80 53/UDP 8000-8001"}, oci(ocispec.ImageConfig{ExposedPorts: map[string]struct{}{
			"80/tcp": {}, "53/udp": {}, "8000/tcp": {}, "8001/tcp": {},
		}})},
		{[]string{`VOLUME ["/a b"]`, "VOLUME /c /d"}, oci(ocispec.ImageConfig{Volumes: map[string]struct{}{"/a b": {}, "/c": {}, "/d": {}}})},
		{[]string{"HEALTHCHECK --interval=5s --retries=3 CMD test -f /ok", "ONBUILD RUN x"}, dockerspec.DockerOCIImageConfig{
			DockerOCIImageConfigExt: dockerspec.DockerOCIImageConfigExt{
				Healthcheck: &dockerspec.HealthcheckConfig{Test: []string{"CMD-SHELL", "test -f /ok"}, Interval: 5 * time.Second, Retries: 3},
				OnBuild:     []string{"RUN x"},
			},
		}},
		{[]string{"HEALTHCHECK NONE"}, dockerspec.DockerOCIImageConfig{
			DockerOCIImageConfigExt: dockerspec.DockerOCIImageConfigExt{Healthcheck: &dockerspec.HealthcheckConfig{Test: []string{"NONE"}}},
		}},
	} {
		var got dockerspec.DockerOCIImageConfig
		if err := applyChanges(&got, c.changes); err != nil {
			t.Errorf("%q: %v", c.changes, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%q: %s", c.changes, diff)
		}
	}
}

func TestApplyChangesRejects(t *testing.T) {
	for text, want := range map[string]string{
		"RUN x":                   "RUN is not a valid change command",
		"":                        " is not a valid change command",
		"USER":                    "USER requires at least one argument",
		"ENV A":                   `change "ENV A": A must have two arguments`,
		"ENV A=1 B":               `change "ENV A=1 B": can't find = in "B": it must be of the form name=value`,
		`ENV A="x`:                `change "ENV A=\"x": unterminated quote "`,
		"ENV =x":                  `change "ENV =x": a name cannot be empty`,
		"EXPOSE 99999":            `change "EXPOSE 99999": invalid port "99999"`,
		"EXPOSE 9-8":              `change "EXPOSE 9-8": invalid port "9-8"`,
		"EXPOSE 80/icmp":          `change "EXPOSE 80/icmp": unknown protocol "icmp"`,
		"HEALTHCHECK --x=1 CMD y": `change "HEALTHCHECK --x=1 CMD y": unknown flag --x=1`,
		"HEALTHCHECK CMD":         `change "HEALTHCHECK CMD": NONE or CMD with a command is expected`,
		"ONBUILD FROM x":          `change "ONBUILD FROM x": FROM is not allowed as an ONBUILD trigger`,
	} {
		err := applyChanges(&dockerspec.DockerOCIImageConfig{}, []string{text})
		if errText(err) != want || !errdefs.IsInvalidArgument(err) {
			t.Errorf("%q: got %v", text, err)
		}
	}
}

func FuzzApplyChanges(f *testing.F) {
	for _, text := range []string{`ENV A="b c" D=\e`, "EXPOSE 1-2/udp", `CMD ["x"]`, "HEALTHCHECK --interval=1s CMD x", "LABEL a b", "WORKDIR ../x", `VOLUME ["",1]`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var c dockerspec.DockerOCIImageConfig
		err := applyChanges(&c, []string{text})
		if err != nil && !errdefs.IsInvalidArgument(err) {
			t.Errorf("%q: %v", text, err)
		}
	})
}

func FuzzParseRef(f *testing.F) {
	for _, text := range []string{"busybox", "a/b:c", "sha256:" + zeros, zeros, "cafe", "x@sha256:" + zeros, "LOCALHOST/x", "[::1]:5000/x"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ref, err := ParseRef(text)
		if err != nil {
			if !errdefs.IsInvalidArgument(err) {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		if ref.named == nil && ref.digest == "" && ref.prefix == "" {
			t.Errorf("%q: neither a name nor an id", text)
		}
		if ref.named != nil {
			// What is stored is read back as the same.
			again, err := ParseRef(storeName(ref.named))
			if err != nil || storeName(again.named) != storeName(ref.named) {
				t.Errorf("%q: stored as %q, read as %+v, %v", text, storeName(ref.named), again, err)
			}
		}
	})
}
