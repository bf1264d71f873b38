package image

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nerd-cli/nerd/pkg/cli/complete"
	"github.com/nerd-cli/nerd/pkg/cli/factory"
	"github.com/nerd-cli/nerd/pkg/cli/flagx"
	"github.com/nerd-cli/nerd/pkg/cli/imagetools"
	"github.com/nerd-cli/nerd/pkg/image"
)

// CryptOptions are the inputs of "nerd image encrypt" and "nerd image decrypt".
type CryptOptions struct {
	Factory *factory.Factory

	Source, Target string
	Decrypt        bool
	Secrets        imagetools.Secrets
	Platforms      []string
	AllPlatforms   bool
}

const cryptHelp = `Recipients are jwe:FILE of a public key or pkcs7:FILE of a certificate; keys are FILE of a
private key, with its password as FILE:file=PASSWORDFILE or FILE:pass=PASSWORD, and for
pkcs7 its certificate as --dec-recipient pkcs7:FILE.`

// NewCmdEncrypt makes "nerd image encrypt".
func NewCmdEncrypt(f *factory.Factory, runF func(context.Context, *CryptOptions) error) *cobra.Command {
	o := &CryptOptions{Factory: f}
	cmd := newCmdCrypt(o, "encrypt [OPTIONS] SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]", "Encrypt the layers of an image for the holders of keys (OCIcrypt)", runF)
	cmd.Long = "Make an image of another whose layers only the recipients can read. With a key, recipients are\nadded to an image that is encrypted.\n\n" + cryptHelp
	cmd.Example = "  openssl genrsa -out key.pem && openssl rsa -in key.pem -pubout -out public.pem\n  nerd image encrypt --recipient jwe:public.pem app registry.example.com/app:encrypted"
	cmd.Flags().StringSliceVar(&o.Secrets.Recipients, "recipient", nil, "Who can decrypt the image")
	return cmd
}

// NewCmdDecrypt makes "nerd image decrypt".
func NewCmdDecrypt(f *factory.Factory, runF func(context.Context, *CryptOptions) error) *cobra.Command {
	o := &CryptOptions{Factory: f, Decrypt: true}
	cmd := newCmdCrypt(o, "decrypt [OPTIONS] SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]", "Decrypt the layers of an image (OCIcrypt)", runF)
	cmd.Long = "Make an image that can be run of one whose layers are encrypted.\n\n" + cryptHelp
	cmd.Example = "  nerd pull registry.example.com/app:encrypted\n  nerd image decrypt --key key.pem registry.example.com/app:encrypted app"
	return cmd
}

func newCmdCrypt(o *CryptOptions, use, short string, runF func(context.Context, *CryptOptions) error) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short,
		Args:                  flagx.ExactArgs(2),
		DisableFlagsInUseLine: true,
		ValidArgsFunction:     complete.Images(o.Factory),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Source, o.Target = args[0], args[1]
			verb, _, _ := strings.Cut(use, " ")
			if err := flagx.Refused(cmd.Flags(), "image "+verb); err != nil {
				return err
			}
			switch {
			case o.Decrypt && len(o.Secrets.Keys) == 0:
				return flagx.FlagError(cmd, errors.New("--key is needed to decrypt"))
			case !o.Decrypt && len(o.Secrets.Recipients) == 0:
				return flagx.FlagError(cmd, errors.New("--recipient is needed: nobody could decrypt the image"))
			}
			if runF != nil {
				return runF(cmd.Context(), o)
			}
			return runCrypt(cmd.Context(), o)
		},
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&o.Secrets.Keys, "key", nil, "Private key, and its password")
	flags.StringSliceVar(&o.Secrets.Certs, "dec-recipient", nil, "Certificate of a key, for images encrypted by pkcs7")
	flags.String("gpg-homedir", "", "Not supported")
	flags.String("gpg-version", "", "Not supported")
	addPlatforms(flags, &o.Platforms, &o.AllPlatforms)
	return cmd
}

func runCrypt(ctx context.Context, o *CryptOptions) error {
	rewrite := image.RewriteOptions{Work: "encrypt", Name: o.Target, AllPlatforms: o.AllPlatforms}
	var err error
	if rewrite.Platforms, err = choosePlatforms(o.Platforms, o.AllPlatforms); err != nil {
		return err
	}
	tools := o.Factory.ImageTools
	if tools == nil {
		return runCompanion(o.Factory)
	}
	if o.Decrypt {
		rewrite.Work = "decrypt"
		rewrite.Layer, err = tools.Decrypt(o.Secrets)
	} else {
		rewrite.Layer, err = tools.Encrypt(o.Secrets)
	}
	if err != nil {
		return err
	}
	return rewriteShown(ctx, o.Factory, o.Source, rewrite, "")
}
