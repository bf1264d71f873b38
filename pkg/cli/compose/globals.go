package compose

import (
	"fmt"
	"os"
	"strconv"

	"github.com/spf13/cobra"
)

func (g *Project) register(cmd *cobra.Command) {
	fs := cmd.Flags() // before the command, where -f and -p are not yet the command's own
	fs.StringArrayVarP(&g.Files, "file", "f", nil, "Compose configuration files; - is the standard input")
	fs.StringVarP(&g.Name, "project-name", "p", "", "Project name")
	fs.StringArrayVar(&g.Profiles, "profile", nil, "Profile to enable")
	fs.StringArrayVar(&g.EnvFiles, "env-file", nil, "Environment file for the variables of the configuration")
	fs.StringVar(&g.Dir, "project-directory", "", "Folder that paths are relative to (default: that of the first configuration file)")
	fs.StringVar(&g.oldDir, "workdir", "", "Older name of --project-directory")
	cmd.PersistentFlags().BoolVar(&g.DryRun, "dry-run", false, "Print what would be done, and why, and do nothing")
	fs.BoolVar(&g.Lenient, "lenient", false, "Warn of attributes that are not supported instead of stopping")
	fs.BoolVar(&g.AllRes, "all-resources", false, "Include networks and volumes that no service uses")
	fs.IntVar(&g.Parallel, "parallel", 0, "Number of steps at a time, -1 for no limit (default 16)")
	fs.StringVar(&g.Ansi, "ansi", "auto", `When to use colours: "never", "always", "auto"`)
	fs.StringVar(&g.Progress, "progress", "auto", `Kind of progress: "auto", "tty", "plain", "json", "quiet"`)
	fs.BoolVar(&g.noAnsi, "no-ansi", false, "Older form of --ansi never")
	fs.Bool("verbose", false, "No effect: use nerd's --log-level debug")
	fs.BoolVar(&g.compatibility, "compatibility", false, "Separate the words of names by _, as Docker Compose 1 did")
	for _, name := range []string{"workdir", "no-ansi", "verbose"} {
		_ = fs.MarkHidden(name)
	}
}

// fromEnv takes what the flags leave open from the variables of Docker Compose.
func (g *Project) fromEnv(changed func(flag string) bool) error {
	for _, v := range []struct {
		flag, name string
		to         *string
	}{{"ansi", "COMPOSE_ANSI", &g.Ansi}, {"progress", "COMPOSE_PROGRESS", &g.Progress}} {
		if text := os.Getenv(v.name); text != "" && !changed(v.flag) {
			*v.to = text
		}
	}
	if text := os.Getenv("COMPOSE_PARALLEL_LIMIT"); text != "" && !changed("parallel") {
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("COMPOSE_PARALLEL_LIMIT must be an integer (found: %q)", text)
		}
		g.Parallel = n
	}
	if !changed("compatibility") {
		g.compatibility = envBool("COMPOSE_COMPATIBILITY")
	}
	return nil
}

// envBool tells whether a variable says yes.
func envBool(name string) bool {
	on, err := strconv.ParseBool(os.Getenv(name))
	return err == nil && on
}

// check refuses values that mean nothing.
func (g *Project) check() error {
	switch g.Ansi {
	case "auto", "never", "always":
	default:
		return fmt.Errorf("invalid value %q for --ansi: use never, always or auto", g.Ansi)
	}
	switch g.Progress {
	case "auto", "tty", "plain", "json", "quiet":
	default:
		return fmt.Errorf("unsupported --progress value %q: use auto, tty, plain, json or quiet", g.Progress)
	}
	if g.noAnsi {
		g.Ansi = "never"
	}
	if g.Dir == "" {
		g.Dir = g.oldDir
	}
	return nil
}
