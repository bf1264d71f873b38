package compose

import (
	"fmt"
	"maps"

	"github.com/compose-spec/compose-go/v2/types"
)

// planNetworks makes networks that are missing and those whose settings have
// changed, for which the containers on them have to go first.
func (u *upPlan) planNetworks() error {
	for _, key := range u.usedNetworks() {
		n := u.p.Networks[key]
		found, exists := u.o.Networks[n.Name]
		if n.External {
			if !exists {
				return fmt.Errorf("network %s declared as external, but could not be found", n.Name)
			}
			continue
		}
		hash, err := networkHash(n)
		if err != nil {
			return err
		}
		create := Action{Kind: CreateNetwork, Name: n.Name, Network: &n, NetKey: key, Reason: "it does not exist"}
		if !exists {
			u.networks[key] = u.add(create)
			continue
		}
		if owner := found.Labels[LabelProject]; owner != u.p.Name {
			u.warn("a network with name %s exists but was not created for project %q.\nSet `external: true` to use an existing network", n.Name, u.p.Name)
			continue
		}
		if old := found.Labels[LabelConfigHash]; old == "" || old == hash || u.NoRecreate {
			continue
		}
		create.Reason = "its settings have changed"
		create.Needs = []int{u.add(Action{Kind: RemoveNetwork, Name: n.Name, Reason: create.Reason, Needs: u.clear(key)})}
		u.networks[key] = u.add(create)
	}
	return nil
}

// usedNetworks are the keys of the networks that services use.
func (u *upPlan) usedNetworks() []string {
	used := map[string]bool{}
	for _, s := range u.p.Services {
		for key := range s.Networks {
			used[key] = true
		}
	}
	return sortedKeys(used)
}

// clear removes the containers on a network.
func (u *upPlan) clear(key string) []int {
	var out []int
	for _, name := range u.p.ServiceNames() {
		s := u.p.Services[name]
		if _, on := s.Networks[key]; !on {
			continue
		}
		if len(u.cleared[name]) > 0 {
			out = append(out, u.cleared[name]...)
			continue
		}
		for _, c := range u.o.Of(name) {
			id := u.add(Action{Kind: Remove, Name: c.Name, Service: &s, Container: &c, Timeout: u.Timeout, Reason: fmt.Sprintf("the settings of its network %s have changed", key)})
			u.cleared[name] = append(u.cleared[name], id)
			u.replaced[name] = true
		}
		out = append(out, u.cleared[name]...)
	}
	return out
}

func (u *upPlan) planVolumes() error {
	used := map[string]bool{}
	for _, s := range u.p.Services {
		for _, v := range s.Volumes {
			if v.Type == types.VolumeTypeVolume && v.Source != "" {
				used[v.Source] = true
			}
		}
	}
	for _, key := range sortedKeys(used) {
		v, ok := u.p.Volumes[key]
		if !ok {
			continue
		}
		found, exists := u.o.Volumes[v.Name]
		if v.External {
			if !exists {
				return fmt.Errorf("external volume %q not found", v.Name)
			}
			continue
		}
		if !exists {
			u.volumes[key] = u.add(Action{Kind: CreateVolume, Name: v.Name, Volume: &v, VolKey: key, Reason: "it does not exist"})
			continue
		}
		hash, err := volumeHash(v)
		if err != nil {
			return err
		}
		switch owner := found.Labels[LabelProject]; {
		case owner == "":
			u.warn("volume %q already exists but was not created by Docker Compose. Use `external: true` to use an existing volume", v.Name)
		case owner != u.p.Name:
			u.warn("volume %q already exists but was created for project %q (expected %q). Use `external: true` to use an existing volume", v.Name, owner, u.p.Name)
		case found.Labels[LabelConfigHash] != "" && found.Labels[LabelConfigHash] != hash:
			u.warn("volume %q exists with other settings than the file gives it; it keeps its content and settings until it is removed, for instance by `down --volumes`", v.Name)
		}
	}
	return nil
}

func networkHash(n types.NetworkConfig) (string, error) {
	n.Labels, n.CustomLabels = maps.Clone(n.Labels), nil
	return hashOf(n)
}

func volumeHash(v types.VolumeConfig) (string, error) {
	v.CustomLabels = nil
	return hashOf(v)
}
