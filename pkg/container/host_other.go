//go:build !amd64

package container

// lacksX32 is about amd64 alone; no other profile has rules for x32.
func lacksX32() bool { return false }
