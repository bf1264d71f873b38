package bake

import "strconv"

// Attestation is --provenance=VALUE or --sbom=VALUE as an entry of attest: a truth
// value, or the attributes of it.
func Attestation(kind, value string) Entry {
	e := Entry{"type": kind}
	if on, err := strconv.ParseBool(value); err == nil {
		if !on {
			e["disabled"] = "true"
		}
		return e
	}
	if more, err := fields(value); err == nil {
		for k, v := range more {
			e[k] = v
		}
	}
	return e
}

// Flag is the entry as --attest takes it.
func (e Entry) Flag() string { return csvOf(e) }
