package compose

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
)

// Steps come after those they need; what needs a failed one is left out, and the
// others are taken all the same.
func TestApply(t *testing.T) {
	var mu sync.Mutex
	var done []string
	e := &Executor{Parallel: 2, Pull: func(_ context.Context, _ *types.ServiceConfig, ref string) error {
		mu.Lock()
		defer mu.Unlock()
		done = append(done, ref)
		if ref == "bad" {
			return errors.New("not to be had")
		}
		return nil
	}}
	plan := &Plan{}
	step := func(ref string, needs ...int) int {
		return plan.add(Action{Kind: PullImage, Name: ref, Service: &types.ServiceConfig{Name: ref}, Needs: needs})
	}
	a := step("a")
	b := step("b", a)
	bad := step("bad", a)
	step("left out", bad)
	step("left out too", 3)
	step("c", a, b)
	for i := range 20 {
		step(fmt.Sprint("free", i))
	}
	err := e.Apply(t.Context(), plan)
	if err == nil || err.Error() != "not to be had" {
		t.Errorf("error %v", err)
	}
	if len(done) != 24 || slices.Contains(done, "left out") || slices.Contains(done, "left out too") {
		t.Errorf("done: %q", done)
	}
	if slices.Index(done, "a") > slices.Index(done, "b") || slices.Index(done, "b") > slices.Index(done, "c") {
		t.Errorf("order: %q", done)
	}
}

// An interruption takes no further step and is reported once.
func TestApplyInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	plan := &Plan{}
	for range 3 {
		plan.add(Action{Kind: PullImage, Name: "x", Service: &types.ServiceConfig{}})
	}
	err := (&Executor{}).Apply(ctx, plan)
	if !errors.Is(err, context.Canceled) || strings.Count(err.Error(), "canceled") != 1 {
		t.Errorf("error %v", err)
	}
}

// Two files with equal content are one; none is named after its content in clear.
func TestContentFile(t *testing.T) {
	mode := types.FileMode(0o440)
	a, err := newContentFile(types.FileReferenceConfig{UID: "7", Mode: &mode}, []byte("hush"))
	if err != nil || a.uid != 7 || a.mode != 0o440 || strings.Contains(a.path, "hush") {
		t.Errorf("%+v, %v", a, err)
	}
	b, err := newContentFile(types.FileReferenceConfig{}, []byte("hush"))
	if err != nil || a.path == b.path {
		t.Errorf("%+v, %v", b, err)
	}
	if _, err := newContentFile(types.FileReferenceConfig{UID: "root"}, nil); err == nil {
		t.Error("a name was taken for a number")
	}
}
