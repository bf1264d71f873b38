package image

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/nerd-cli/nerd/pkg/cli/imagetools"
)

// signature is how an image is signed by a push, or what signature a pull wants.
type signature struct {
	imagetools.Signature
}

// none is the kind that stands for no signature.
const none = "none"

func (s *signature) registerVerify(flags *pflag.FlagSet) {
	flags.StringVar(&s.Kind, "verify", none, `Refuse an image without a valid signature ("none", "cosign", "notation")`)
	flags.StringVar(&s.Key, "cosign-key", "", "File of the public key for --verify=cosign")
	for _, name := range []string{"cosign-certificate-identity", "cosign-certificate-identity-regexp", "cosign-certificate-oidc-issuer", "cosign-certificate-oidc-issuer-regexp"} {
		flags.String(name, "", "Not supported")
	}
}

func (s *signature) registerSign(flags *pflag.FlagSet) {
	flags.StringVar(&s.Kind, "sign", none, `Sign the image ("none", "cosign", "notation")`)
	flags.StringVar(&s.Key, "cosign-key", "", "File of the private key for --sign=cosign; its password is in COSIGN_PASSWORD")
	flags.StringVar(&s.KeyName, "notation-key-name", "", "Name of the key for --sign=notation (default: notation's default key)")
}

// isAttachment tells the tags that hold something about an image, such as its
// signatures, from those of images: sha256-DIGEST, and that with an ending.
func isAttachment(tag string) bool {
	hex, ok := strings.CutPrefix(tag, "sha256-")
	hex, _, _ = strings.Cut(hex, ".")
	return ok && len(hex) == 64 && strings.Trim(hex, "0123456789abcdef") == ""
}

// wanted tells whether there is anything to do with signatures.
func (s *signature) wanted() bool { return s.Kind != "" && s.Kind != none }

// complete checks the flags and adds what comes from the environment.
func (s *signature) complete(flag string) error {
	switch s.Kind {
	case "", none:
		if s.Key != "" || s.KeyName != "" {
			return fmt.Errorf("a key is of no use without --%s", flag)
		}
	case imagetools.Cosign:
		if s.Key == "" {
			return fmt.Errorf("--%s=cosign needs --cosign-key: signatures without keys are not supported", flag)
		}
		if s.KeyName != "" {
			return errors.New("--notation-key-name is for --sign=notation")
		}
		s.Password = []byte(os.Getenv("COSIGN_PASSWORD"))
	case imagetools.Notation:
		if s.Key != "" {
			return fmt.Errorf("--cosign-key is for --%s=cosign", flag)
		}
		dir, err := os.UserConfigDir()
		if err != nil {
			return fmt.Errorf("notation's configuration: %w", err)
		}
		s.ConfigDir = filepath.Join(dir, "notation")
	default:
		return fmt.Errorf("invalid --%s %q: none, cosign or notation is expected", flag, s.Kind)
	}
	return nil
}
