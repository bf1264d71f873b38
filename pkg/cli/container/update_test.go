package container

import (
	"context"
	"strings"
	"testing"
)

func TestUpdateFlags(t *testing.T) {
	for line, want := range map[string]string{
		"a":                        "you must provide one or more flags when using this command",
		"--memory x a":             "invalid size: 'x'",
		"--cpus x a":               "failed to parse x as a rational number",
		"--cpu-shares x a":         `"x" for "-c, --cpu-shares"`,
		"--blkio-weight 70000 a":   `"70000" for "--blkio-weight"`,
		"--pids-limit x a":         `"x" for "--pids-limit"`,
		"--memory-swap x a":        `"x" for "--memory-swap"`,
		"--memory-reservation x a": `"x" for "--memory-reservation"`,
		"--cpu-period x a":         `"x" for "--cpu-period"`,
		"--cpu-quota x a":          `"x" for "--cpu-quota"`,
		"--cpu-rt-period x a":      `"x" for "--cpu-rt-period"`,
		"--cpu-rt-runtime x a":     `"x" for "--cpu-rt-runtime"`,
		"--restart perhaps a":      "invalid restart policy: unknown policy 'perhaps'",
		"--memory 6m":              "requires at least 1 argument",
	} {
		cmd := NewCmdUpdate(newFactory(t), func(context.Context, *UpdateOptions) error { return nil })
		if err := execute(t, cmd, line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", line, err)
		}
	}
	var got *UpdateOptions
	cmd := NewCmdUpdate(newFactory(t), func(_ context.Context, o *UpdateOptions) error { got = o; return nil })
	if err := execute(t, cmd, "-m 64m --memory-swap -1 --cpus 1.5 --pids-limit 0 --restart on-failure:3 a b"); err != nil {
		t.Fatal(err)
	}
	r := got.Change.Resources
	if r.Memory != 64<<20 || r.MemorySwap != -1 || r.NanoCPUs != 1.5e9 || r.PidsLimit == nil || got.Change.RestartPolicy.MaximumRetryCount != 3 || len(got.Names) != 2 {
		t.Errorf("%+v", got)
	}
}

func TestUpdatePrintsWarningsLast(t *testing.T) {
	b, out, _ := base(&fake{})
	if err := runUpdate(t.Context(), &UpdateOptions{Base: b, Names: []string{"a", "b"}}); err != nil || out.String() != "a\nb\ncareful\ncareful\n" {
		t.Errorf("%q, %v", out, err)
	}
}
