package driver

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/docker/go-units"
)

// Formats of log files.
const (
	FormatJSON  = "json"  // Docker's json-file: an object a line
	FormatLines = "lines" // a time, a stream, a tag and the text as it is: what a kubelet's runtime writes too
)

// File is how the log of a container is kept on disk.
type File struct {
	Format   string
	MaxSize  int64 // bytes after which it is rotated; 0: never
	MaxFile  int   // number of files kept, the current one included; at least 1
	Compress bool  // rotated files are compressed with gzip
}

// Defaults of the local driver and of the local copy of what others send.
const (
	localMaxSize = 20 * 1000 * 1000
	localMaxFile = 5
)

// FileOf is the file that a driver writes or, for one that sends messages away,
// the local copy that `nerd logs` reads. It is nil if there is none: driver none,
// or the option cache-disabled. Sizes are decimal, 1k being 1000 bytes, as in
// Docker.
func FileOf(name string, opts map[string]string) (*File, error) {
	switch name {
	case None:
		return nil, nil
	case JSONFile:
		return jsonFile(opts)
	case Local:
		return localFile(opts)
	}
	if off, err := strconv.ParseBool(opts[cacheDisabled]); err == nil && off {
		return nil, nil
	}
	return localFile(cacheOptions(opts))
}

func jsonFile(opts map[string]string) (*File, error) {
	f := &File{Format: FormatJSON, MaxFile: 1}
	var err error
	if size, ok := opts[optMaxSize]; ok {
		if f.MaxSize, err = units.FromHumanSize(size); err != nil {
			return nil, err
		}
		if f.MaxSize <= 0 {
			return nil, errors.New("max-size must be a positive number")
		}
	}
	if count, ok := opts[optMaxFile]; ok {
		if f.MaxFile, err = strconv.Atoi(count); err != nil {
			return nil, err
		}
		if f.MaxFile < 1 {
			return nil, errors.New("max-file cannot be less than 1")
		}
	}
	if compress, ok := opts[optCompress]; ok {
		if f.Compress, err = strconv.ParseBool(compress); err != nil {
			return nil, err
		}
		if f.Compress && (f.MaxFile < 2 || f.MaxSize == 0) {
			return nil, errors.New("compress cannot be true when max-file is less than 2 or max-size is not set")
		}
	}
	return f, nil
}

func localFile(opts map[string]string) (*File, error) {
	f := &File{Format: FormatLines, MaxSize: localMaxSize, MaxFile: localMaxFile, Compress: true}
	var err error
	if size, ok := opts[optMaxSize]; ok {
		if f.MaxSize, err = units.FromHumanSize(size); err != nil {
			return nil, fmt.Errorf("invalid value for max-size: %s: %w", size, err)
		}
		if f.MaxSize <= 0 {
			return nil, errors.New("max size should be a positive number")
		}
	}
	if count, ok := opts[optMaxFile]; ok {
		if f.MaxFile, err = strconv.Atoi(count); err != nil {
			return nil, fmt.Errorf("invalid value for max-file: %s: %w", count, err)
		}
		if f.MaxFile < 0 {
			return nil, errors.New("max file count should be a positive number")
		}
	}
	if compress, ok := opts[optCompress]; ok {
		if f.Compress, err = strconv.ParseBool(compress); err != nil {
			return nil, fmt.Errorf("error reading compress log option: %w", err)
		}
	}
	if f.Compress && f.MaxFile <= 1 {
		if _, asked := opts[optCompress]; asked || f.MaxFile < 1 {
			return nil, errors.New("compression cannot be enabled when max file count is 1")
		}
		f.Compress = false
	}
	return f, nil
}

// DefaultBuffer is how much is held back for a log that does not keep up, in
// bytes, before a container with mode=non-blocking loses lines.
const DefaultBuffer = 1e6

// Buffer is the size of the buffer of a container that its log must never block,
// in bytes; 0: the container waits for its log.
func Buffer(opts map[string]string) int64 {
	if opts[optMode] != modeNonBlocking {
		return 0
	}
	if n, err := units.RAMInBytes(opts[optBuffer]); err == nil && n > 0 {
		return n
	}
	return DefaultBuffer
}
