// Package compose runs Compose files: it loads them, plans what has to change
// and carries the plan out on containers, networks, volumes and images. Names and
// labels are Docker Compose's, so either tool finds what the other has made.
package compose

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/consts"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"

	"github.com/nerd-cli/nerd/pkg/errs"
)

// maxFileSize bounds a Compose file in bytes: what is larger is no Compose file.
const maxFileSize = 8 << 20

// LoadOptions says which project is loaded and how it is resolved.
type LoadOptions struct {
	Files       []string  // "-" is Stdin; empty: COMPOSE_FILE, then compose.yaml here or in a folder above
	Stdin       io.Reader // for "-"
	ProjectName string    // empty: COMPOSE_PROJECT_NAME, the file's name, its folder's
	ProjectDir  string    // empty: the folder of the first file
	Profiles    []string  // empty: COMPOSE_PROFILES
	EnvFiles    []string  // empty: COMPOSE_ENV_FILES, then .env in the project's folder
	Env         []string  // KEY=value, the caller's environment

	// What is left out, for `config`.
	NoInterpolate, NoNormalize, NoConsistency, NoPathResolution, NoEnvResolution bool
	// AllProfiles takes services of every profile, for commands that take things down.
	AllProfiles bool
	// NoCheck leaves out whether all of it can be done here: for commands that make
	// no containers.
	NoCheck bool
	// Lenient makes what cannot be done a warning.
	Lenient bool
	Warn    func(text string) // nil: nobody reads
}

func (o *LoadOptions) warn(format string, args ...any) {
	if o.Warn != nil {
		o.Warn(fmt.Sprintf(format, args...))
	}
}

// ErrNoFile is returned by Load when there is no Compose file to be found.
var ErrNoFile = errors.New("no configuration file provided: not found")

// Load reads the Compose files and gives the project with everything resolved
// that the options do not leave out. Nothing is fetched from other machines.
// Errors name the file and, where it is known, the line; those that are not about
// the files are errs.Exit.
func Load(ctx context.Context, o LoadOptions) (*types.Project, error) {
	po, files, err := prepare(&o)
	if err != nil {
		return nil, err
	}
	registerFormats()
	project, err := safely(files, func() (*types.Project, error) {
		return loader.LoadWithContext(ctx, details(po, files), o.loaderOptions(po, files)...)
	})
	if err != nil {
		return nil, explain(err, files)
	}
	for _, f := range files {
		project.ComposeFiles = append(project.ComposeFiles, f.Filename)
	}
	if o.NoCheck || o.NoNormalize || o.NoConsistency {
		return project, nil
	}
	return check(project, &o, files)
}

// LoadModel reads the Compose files as they are merged, before they are made into
// a project: variables may be left as they are.
func LoadModel(ctx context.Context, o LoadOptions) (map[string]any, error) {
	po, files, err := prepare(&o)
	if err != nil {
		return nil, err
	}
	registerFormats()
	model, err := safely(files, func() (map[string]any, error) {
		return loader.LoadModelWithContext(ctx, details(po, files), o.loaderOptions(po, files)...)
	})
	return model, explain(err, files)
}

func details(po *cli.ProjectOptions, files []types.ConfigFile) types.ConfigDetails {
	return types.ConfigDetails{ConfigFiles: files, WorkingDir: po.WorkingDir, Environment: po.Environment}
}

// prepare finds and reads the files and the environment.
func prepare(o *LoadOptions) (*cli.ProjectOptions, []types.ConfigFile, error) {
	po, err := cli.NewProjectOptions(slices.Clone(o.Files), cli.WithWorkingDirectory(o.ProjectDir), cli.WithEnv(o.Env))
	if err != nil {
		return nil, nil, err
	}
	if err := projectEnv(o, po); err != nil {
		return nil, nil, err
	}
	for _, step := range []cli.ProjectOptionsFn{cli.WithConfigFileEnv, cli.WithDefaultConfigPath} {
		if err := step(po); err != nil {
			return nil, nil, err
		}
	}
	if len(po.ConfigPaths) == 0 {
		return nil, nil, errs.WithHint(ErrNoFile, "name one with --file, or go to the folder of a compose.yaml")
	}
	// Files found above the current folder bring an environment of their own.
	if po.WorkingDir, err = po.GetWorkingDir(); err != nil {
		return nil, nil, err
	}
	if err := projectEnv(o, po); err != nil {
		return nil, nil, err
	}
	if err := setName(o, po); err != nil {
		return nil, nil, err
	}
	files, err := readFiles(o, po)
	return po, files, err
}

// projectEnv adds the variables of the environment files to those of the caller,
// which win.
func projectEnv(o *LoadOptions, po *cli.ProjectOptions) error {
	envFiles := o.EnvFiles
	if list := po.Environment["COMPOSE_ENV_FILES"]; len(envFiles) == 0 && list != "" {
		envFiles = strings.Split(list, ",")
	}
	for _, f := range envFiles {
		if _, err := os.Stat(f); err != nil {
			return &errs.Exit{Code: 1, Err: fmt.Errorf("couldn't find env file: %s", absolute(f))}
		}
	}
	po.EnvFiles = nil
	if err := cli.WithEnvFiles(envFiles...)(po); err != nil {
		return err
	}
	return cli.WithDotEnv(po)
}

func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

func setName(o *LoadOptions, po *cli.ProjectOptions) error {
	name := o.ProjectName
	if name == "" {
		name = po.Environment[consts.ComposeProjectName]
	}
	if err := CheckProjectName(name); err != nil {
		return &errs.Exit{Code: 1, Err: err}
	}
	return nil
}

// CheckProjectName says what is wrong with the name of a project. An empty one is
// for the loader to choose.
func CheckProjectName(name string) error {
	if name != loader.NormalizeProjectName(name) {
		return loader.InvalidProjectNameErr(name)
	}
	return nil
}

func readFiles(o *LoadOptions, po *cli.ProjectOptions) ([]types.ConfigFile, error) {
	var files []types.ConfigFile
	for _, path := range po.ConfigPaths {
		if remote(path) {
			return nil, errs.WithHint(fmt.Errorf("%s is not on this machine", path), "nothing is fetched for a Compose file: download it and name the file")
		}
		if path == "-" && o.Stdin == nil {
			return nil, errors.New("the Compose file should come from the standard input, but there is none")
		}
		name, content := path, []byte(nil)
		var err error
		if path == "-" {
			content, err = readAll(o.Stdin, "standard input")
		} else {
			name = absolute(path)
			content, err = readFile(name)
		}
		if err != nil {
			return nil, err
		}
		files = append(files, types.ConfigFile{Filename: name, Content: content})
	}
	return files, checkYAML(files)
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(f, path)
}

func readAll(r io.Reader, name string) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(r, maxFileSize+1))
	if err == nil && len(content) > maxFileSize {
		err = fmt.Errorf("larger than %d MiB", maxFileSize>>20)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return content, nil
}

func (o *LoadOptions) loaderOptions(po *cli.ProjectOptions, files []types.ConfigFile) []func(*loader.Options) {
	return []func(*loader.Options){func(lo *loader.Options) {
		lo.SkipInterpolation = o.NoInterpolate
		lo.SkipNormalization = o.NoNormalize
		lo.SkipConsistencyCheck = o.NoConsistency
		lo.ResolvePaths = !o.NoPathResolution
		lo.SkipResolveEnvironment = o.NoEnvResolution
		lo.Profiles = o.profiles(po)
		lo.ResourceLoaders = []loader.ResourceLoader{refuseRemote{}}
		name, imperative := o.ProjectName, true
		if name == "" {
			name = po.Environment[consts.ComposeProjectName]
		}
		if name == "" && !named(files) {
			name, imperative = loader.NormalizeProjectName(filepath.Base(po.WorkingDir)), false
		}
		if name != "" {
			lo.SetProjectName(name, imperative)
		}
	}}
}

func (o *LoadOptions) profiles(po *cli.ProjectOptions) []string {
	if o.AllProfiles {
		return []string{"*"}
	}
	profiles := slices.Clone(o.Profiles)
	if env := po.Environment[consts.ComposeProfiles]; len(profiles) == 0 && env != "" {
		profiles = strings.Split(env, ",")
	}
	return profiles
}

// remote tells whether a reference leads to another machine, as those of git and
// OCI registries do.
func remote(path string) bool {
	scheme, _, ok := strings.Cut(path, "://")
	return ok && scheme != "" || strings.HasPrefix(path, "git@") || strings.HasPrefix(path, "github.com/")
}

// refuseRemote answers for references to other machines in include and extends.
type refuseRemote struct{}

func (refuseRemote) Accept(path string) bool { return remote(path) }

func (refuseRemote) Load(_ context.Context, path string) (string, error) {
	return "", errs.WithHint(fmt.Errorf("%s is not on this machine", path), "nothing is fetched for a Compose file: download it and name the file")
}

func (refuseRemote) Dir(path string) string { return filepath.Dir(path) }
