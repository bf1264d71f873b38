package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/cli/iostreams"
	"github.com/nerd-cli/nerd/pkg/registry"
)

// maxSecret bounds what is read of a password, in bytes.
const maxSecret = 64 << 10

// LoginOptions are the inputs of `login`.
type LoginOptions struct {
	IO      *iostreams.IOStreams
	Service func() (Service, error)

	Server         registry.Server
	User, Password string
	FromStdin      bool
	password       bool // --password was given
}

// NewCmdLogin makes `login`.
func NewCmdLogin(f *factory.Factory, runF func(context.Context, *LoginOptions) error) *cobra.Command {
	o := &LoginOptions{IO: f.IO, Service: service(f)}
	if runF == nil {
		runF = runLogin
	}
	cmd := &cobra.Command{
		Use:                   "login [OPTIONS] [SERVER]",
		Short:                 "Authenticate to a registry",
		Long:                  "Authenticate to a registry. Without a server it is Docker Hub. The credentials are kept where\nDocker's config.json says: in a credential helper, or else in that file.",
		Example:               "  nerd login registry.example.com\n  echo $TOKEN | nerd login -u ci --password-stdin registry.example.com",
		Args:                  flagx.MaxArgs(1),
		DisableFlagsInUseLine: true,
		ValidArgsFunction:     cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if o.Server, err = registry.ParseServer(strings.Join(args, "")); err != nil {
				return err
			}
			o.password = cmd.Flags().Changed("password")
			return runF(cmd.Context(), o)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&o.Password, "password", "p", "", "Password or Personal Access Token (PAT)")
	flags.BoolVar(&o.FromStdin, "password-stdin", false, "Take the Password or Personal Access Token (PAT) from stdin")
	flags.StringVarP(&o.User, "username", "u", "", "Username")
	return cmd
}

func runLogin(ctx context.Context, o *LoginOptions) error {
	if err := o.readStdin(); err != nil {
		return err
	}
	if o.password {
		fmt.Fprintln(o.IO.Err, "WARNING! Using --password via the CLI is insecure. Use --password-stdin.")
	}
	s, err := o.Service()
	if err != nil {
		return err
	}
	if o.Password == "" {
		stored, err := s.Stored(o.Server)
		if err != nil {
			return err
		}
		if stored != "" && (o.User == "" || o.User == stored) {
			fmt.Fprintf(o.IO.Err, "Authenticating with existing credentials... [Username: %s]\n", stored)
			return o.login(ctx, s, stored, "")
		}
		if err := o.ask(ctx); err != nil {
			return err
		}
	}
	return o.login(ctx, s, o.User, o.Password)
}

// readStdin takes the password from standard input if that was asked for.
func (o *LoginOptions) readStdin() error {
	if !o.FromStdin {
		return nil
	}
	switch {
	case o.password:
		return errors.New("--password and --password-stdin are mutually exclusive")
	case o.User == "":
		return errors.New("Must provide --username with --password-stdin") //nolint:staticcheck // Docker's words
	}
	data, err := io.ReadAll(io.LimitReader(o.IO.In, maxSecret))
	if err != nil {
		return err
	}
	o.Password = strings.TrimRight(string(data), "\r\n")
	if o.Password == "" {
		return errors.New("the password on standard input is empty")
	}
	return nil
}

// ask has the user type what was not given.
func (o *LoginOptions) ask(ctx context.Context) error {
	if !o.IO.InIsTerminal() {
		return errors.New("Cannot perform an interactive login from a non TTY device: use --username and --password-stdin") //nolint:staticcheck // Docker's words
	}
	var err error
	if o.User == "" {
		if o.User, err = o.IO.Prompt(ctx, "Username: "); err != nil {
			return err
		}
		if o.User == "" {
			return errors.New("non-null Username required")
		}
	}
	if o.Password, err = o.IO.PromptSecret(ctx, "Password: "); err == nil && o.Password == "" {
		err = errors.New("password required")
	}
	return err
}

func (o *LoginOptions) login(ctx context.Context, s Service, user, secret string) error {
	file, err := s.Login(ctx, o.Server, user, secret)
	if err != nil {
		return err
	}
	if file != "" && secret != "" {
		fmt.Fprintf(o.IO.Err, "WARNING! Your credentials are stored unencrypted in '%s'.\nConfigure a credential helper to remove this warning: see credsStore of Docker's config.json.\n", file)
	}
	_, err = fmt.Fprintln(o.IO.Out, "Login Succeeded")
	return err
}
