// Package imagetools is what some commands on images can do only in nerd-image,
// which links libraries that would slow the start of every other command: to
// convert, encrypt and decrypt layers, and to sign images and check signatures.
package imagetools

import (
	"context"

	"github.com/nerd-cli/nerd/pkg/image"
)

// Tools does what the libraries are needed for.
type Tools interface {
	// Convert gives what makes a layer of another kind of one.
	Convert(context.Context, Conversion) (Layers, error)
	// Encrypt and Decrypt give what makes an encrypted layer of a plain one, and
	// the reverse.
	Encrypt(Secrets) (image.LayerFunc, error)
	Decrypt(Secrets) (image.LayerFunc, error)
	// Check and Attach give what checks and makes signatures.
	Check(Signature) (image.Check, error)
	Attach(Signature) (image.Attach, error)
}

// The kinds of layers that Convert makes.
const (
	EStargz      = "estargz"
	ZstdChunked  = "zstdchunked"
	Zstd         = "zstd"
	EROFS        = "erofs"
	Uncompressed = "uncompressed"
)

// Conversion says what layers are made.
type Conversion struct {
	Kind         string
	Level        int // of compression
	ChunkSize    int // bytes
	MinChunkSize int // bytes
	// RecordIn is a file with a line of JSON for each file that was accessed, of
	// which "path" is read: those files come first. Empty: none.
	RecordIn    string
	Compressors string // of EROFS, as mkfs.erofs names them
}

// Layers is a conversion of layers.
type Layers struct {
	Make    image.LayerFunc
	Feature string // what a platform needs to run them; empty: nothing
}

// Secrets are recipients and keys, as the user named them: SCHEME:FILE, and FILE
// with its password.
type Secrets struct {
	Recipients []string
	Keys       []string
	Certs      []string // of the keys, for PKCS#7
}

// Kinds of signatures.
const (
	Cosign   = "cosign"
	Notation = "notation"
)

// Signature says how an image is signed or what signature it has to have.
type Signature struct {
	Kind      string // Cosign or Notation
	Key       string // cosign: file of the private key, or of the public one
	Password  []byte // of cosign's private key
	ConfigDir string // notation: folder of its configuration
	KeyName   string // notation: key to sign with; empty: the default one
}
