// Command buildkitd is BuildKit's daemon with the one worker that nerd's engine
// uses, in containerd's own stores, and three differences from the daemon of
// BuildKit itself: a layer goes straight to containerd's folder, an image is
// unpacked by pointing at the snapshot that the build has made, and a daemon that
// is not asked anything ends by itself.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/moby/buildkit/util/apicaps"
	"github.com/moby/buildkit/util/stack"
	"github.com/moby/buildkit/util/tracing/detect"
	"github.com/moby/buildkit/version"
	"github.com/sirupsen/logrus"
	fscopy "github.com/tonistiigi/fsutil/copy"
)

func main() {
	path := flag.String("config", "", "path of the configuration")
	showVersion := flag.Bool("version", false, "print the version")
	flag.Parse()
	if *showVersion {
		fmt.Println("buildkitd", version.Package, version.Version)
		return
	}
	// Files of a build get the modes that the Dockerfile says.
	syscall.Umask(0)
	fscopy.UmaskIsZero = true
	logrus.SetFormatter(&logrus.TextFormatter{FullTimestamp: true})
	apicaps.ExportedProduct = "buildkit"
	stack.SetVersionInfo(version.Version, version.Revision)
	detect.Recorder = detect.NewTraceRecorder() // a build records to it whether or not anything is traced
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *path); err != nil {
		logrus.Error(err)
		os.Exit(1)
	}
}
