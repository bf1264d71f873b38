package compose

import (
	"context"
	"reflect"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/nerd-cli/nerd/pkg/container"
)

// execs remembers what is run in containers.
type execs struct {
	Containers
	seen []container.ExecOptions
	code int
}

func (e *execs) Exec(_ context.Context, _ string, o container.ExecOptions) (container.Outcome, error) {
	e.seen = append(e.seen, o)
	return container.Outcome{ExitCode: e.code}, nil
}

// Hooks are run in order, with all that the file says of them; one that fails ends it.
func TestHooks(t *testing.T) {
	p := withService(t, "post_start: [{command: [a, b], user: u, privileged: true, working_dir: /w, environment: {K: v}}, {command: c}]")
	fake := &execs{}
	e := &Executor{Backend: Backend{Containers: fake}}
	if err := e.Hooks(t.Context(), p.Services["s"].PostStart, "id", "post_start"); err != nil {
		t.Fatal(err)
	}
	want := []container.ExecOptions{{Cmd: []string{"a", "b"}, User: "u", Privileged: true, WorkingDir: "/w", Env: []string{"K=v"}}, {Cmd: []string{"c"}}}
	if len(fake.seen) != 2 || !reflect.DeepEqual(fake.seen[0], want[0]) || fake.seen[1].Cmd[0] != "c" {
		t.Errorf("run: %+v", fake.seen)
	}
	fake.code = 3
	err := e.Hooks(t.Context(), []types.ServiceHook{{Command: types.ShellCommand{"x"}}}, "id", "post_start")
	if err == nil || err.Error() != `post_start hook "x": exit status 3` {
		t.Error(err)
	}
}

// The number of containers comes from deploy or scale.
func TestScaleOf(t *testing.T) {
	for text, want := range map[string]int{"": 1, "scale: 3": 3, "deploy: {replicas: 2}": 2, "deploy: {mode: global}": 1, "scale: 0": 0} {
		s := withService(t, text).Services["s"]
		if got := s.GetScale(); got != want {
			t.Errorf("%s: %d, want %d", text, got, want)
		}
	}
}
