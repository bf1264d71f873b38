// Command images writes an image around a static busybox as an archive that
// `nerd load` and `docker load` take, or its bare root file system for `import`.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/nerd-cli/nerd/test/e2e/testimage"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "images:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("images", flag.ContinueOnError)
	out := flags.String("o", "", "`file` to write; standard output without it")
	ref := flags.String("ref", "localhost/busybox:latest", "`reference` of the image")
	rootfs := flags.Bool("rootfs", false, "write the bare root file system")
	busybox := flags.String("busybox", "/bin/busybox", "`path` of a static busybox")
	if err := flags.Parse(args); err != nil {
		return err
	}
	files, err := testimage.Busybox(*busybox)
	if err != nil {
		return err
	}
	var w io.Writer = os.Stdout
	if *out != "" {
		f, err := os.Create(*out)
		if err != nil {
			return err
		}
		defer f.Close()
		w = f
	}
	if *rootfs {
		return testimage.Rootfs(w, files)
	}
	img := testimage.Image{Refs: []string{*ref}, Files: files}
	img.Config.Cmd = []string{"sh"}
	img.Config.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	return testimage.Write(w, img)
}
