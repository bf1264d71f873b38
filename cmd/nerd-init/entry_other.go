//go:build !amd64 && !arm64

package main

// entry has to be written for each processor.
//
//go:nosplit
func entry() {
	write("nerd-init: --init is not there yet for this processor\n")
	exit(exitCannotRun)
}
