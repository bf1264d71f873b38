//go:build amd64 || arm64

package main

// entry is in assembly: it calls start.
func entry()
