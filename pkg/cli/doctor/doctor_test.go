package doctor

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
	"github.com/nerd-cli/nerd/pkg/doctor"
	"github.com/nerd-cli/nerd/pkg/errs"
)

var findings = []doctor.Finding{
	{Check: "kernel", Level: doctor.OK, Text: "Linux 6"},
	{Check: "clock", Level: doctor.Warning, Text: "nothing keeps it", Fix: "run chrony"},
	{Check: "disk", Level: doctor.Problem, Text: "<full>"},
}

func run(t *testing.T, list []doctor.Finding, words ...string) (string, error) {
	t.Helper()
	ios, _, out, _ := iostreams.Test()
	cmd := NewCmdDoctor(&factory.Factory{IO: ios}, func(ctx context.Context, o *Options) error {
		o.Examine = func(context.Context, *Options) []doctor.Finding { return list }
		return runDoctor(ctx, o)
	})
	cmd.SetArgs(words)
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

func TestText(t *testing.T) {
	out, err := run(t, findings)
	want := "ok       kernel      Linux 6\n" +
		"warning  clock       nothing keeps it\n" +
		"                     -> run chrony\n" +
		"problem  disk        <full>\n"
	if out != want || errs.Code(err, 0) != 1 {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := run(t, findings[:2], "-q"); err != nil || out != "warning  clock       nothing keeps it\n                     -> run chrony\n" {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestJSON(t *testing.T) {
	out, err := run(t, findings, "--json")
	var got []doctor.Finding
	if e := json.Unmarshal([]byte(out), &got); e != nil || len(got) != 3 || got[2] != findings[2] || errs.Code(err, 0) != 1 {
		t.Errorf("%v, %v\n%s", e, err, out)
	}
	if out, err := run(t, findings[:1], "--json", "-q"); out != "[]\n" || err != nil {
		t.Errorf("%v %q", err, out)
	}
}
