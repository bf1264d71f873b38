package ctrd

import (
	"strings"
	"testing"

	runcoptions "github.com/containerd/containerd/api/types/runc/options"
	runtimeoptions "github.com/containerd/containerd/api/types/runtimeoptions/v1"
	"github.com/containerd/typeurl/v2"
)

func TestRuntimeSpec(t *testing.T) {
	info, err := RuntimeSpec{}.Info()
	if err != nil || info.Name != RuntimeRunc || info.Options != nil {
		t.Errorf("%+v, %v", info, err)
	}
	info, err = RuntimeSpec{Binary: "crun", SystemdCgroup: true, Options: map[string]any{"NoPivotRoot": true, "root": "/r", "IoUid": int64(7)}}.Info()
	if err != nil {
		t.Fatal(err)
	}
	got, err := typeurl.UnmarshalAny(info.Options)
	if o, ok := got.(*runcoptions.Options); err != nil || !ok || o.BinaryName != "crun" || !o.SystemdCgroup || !o.NoPivotRoot || o.Root != "/r" || o.IoUid != 7 {
		t.Errorf("%+v, %v", got, err)
	}
	info, err = RuntimeSpec{Shim: "io.containerd.runsc.v1", Options: map[string]any{"TypeUrl": "io.containerd.runsc.v1.options", "ConfigPath": "/c", "ConfigBody": "x"}}.Info()
	if err != nil || info.Name != "io.containerd.runsc.v1" {
		t.Fatal(info, err)
	}
	got, err = typeurl.UnmarshalAny(info.Options)
	if o, ok := got.(*runtimeoptions.Options); err != nil || !ok || o.ConfigPath != "/c" || string(o.ConfigBody) != "x" {
		t.Errorf("%+v, %v", got, err)
	}
	if info, err = (RuntimeSpec{Shim: "io.containerd.runsc.v1", SystemdCgroup: true}).Info(); err != nil || info.Options != nil {
		t.Errorf("options of runc for another shim: %+v, %v", info, err)
	}
	for want, options := range map[string]map[string]any{
		`no option "Nope"`:        {"Nope": 1},
		"option Root":             {"Root": 1},
		"option NoPivotRoot":      {"NoPivotRoot": "yes"},
		"option IoUid of the run": {"IoUid": int64(-1)},
	} {
		if _, err := (RuntimeSpec{Options: options}).Info(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", options, err)
		}
	}
}
