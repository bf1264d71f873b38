package format

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
)

func TestInspectKeepsOldFields(t *testing.T) {
	in := container.InspectResponse{ID: "abc", NetworkSettings: &container.NetworkSettings{
		SandboxKey: "/netns", Ports: network.PortMap{}, Networks: map[string]*network.EndpointSettings{
			"bridge": {IPAddress: netip.MustParseAddr("10.0.0.2"), Gateway: netip.MustParseAddr("10.0.0.1"), IPPrefixLen: 16, EndpointID: "ep"},
			"other":  {IPAddress: netip.MustParseAddr("10.1.0.2")},
		},
	}}
	for text, want := range map[string]string{
		"{{.NetworkSettings.IPAddress}} {{.NetworkSettings.Gateway}}/{{.NetworkSettings.IPPrefixLen}} {{.NetworkSettings.GlobalIPv6Address}}": "10.0.0.2 10.0.0.1/16 \n",
		"{{.NetworkSettings.Networks.other.IPAddress}} {{.NetworkSettings.SandboxKey}} {{.Id}} {{.ID}}":                                       "",
	} {
		var out bytes.Buffer
		i, err := NewInspector(&out, text)
		if err != nil {
			t.Fatal(err)
		}
		err = i.Add(Inspect(in))
		if want == "" { // Docker's templates see the keys of the JSON, so one of the two ids is unknown
			if err == nil {
				t.Errorf("%s: %q", text, out.String())
			}
			continue
		}
		if err := i.Flush(); err != nil || out.String() != want {
			t.Errorf("%s: %q, %v", text, out.String(), err)
		}
	}
	data, err := json.Marshal(Inspect(in))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(data), `"NetworkSettings"`); n != 1 {
		t.Errorf("NetworkSettings stands %d times in %s", n, data)
	}
	if got := Inspect(container.InspectResponse{}); got.NetworkSettings != nil {
		t.Errorf("networks of nothing: %+v", got.NetworkSettings)
	}
}

func TestInspectOutsideTheDefaultNetwork(t *testing.T) {
	got := Inspect(container.InspectResponse{NetworkSettings: &container.NetworkSettings{Networks: map[string]*network.EndpointSettings{
		"other": {IPAddress: netip.MustParseAddr("10.1.0.2")}, "bridge": nil,
	}}})
	if got.NetworkSettings.IPAddress != "" || got.NetworkSettings.MacAddress != "" {
		t.Errorf("settings: %+v", got.NetworkSettings)
	}
}
