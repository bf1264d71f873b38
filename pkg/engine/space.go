package engine

import (
	"errors"
	"fmt"

	"github.com/docker/go-units"
	"golang.org/x/sys/unix"

	"github.com/nerd-cli/nerd/pkg/errs"
)

// minSpace is what a daemon needs to write before it can even report an error.
const minSpace = 1 << 20

// checkSpace fails if one of the folders is on a full file system. Folders that
// do not exist yet are fine.
func checkSpace(dirs ...string) error {
	for _, dir := range dirs {
		if free, ok := freeSpace(dir); ok && free < minSpace {
			return fullError(dir, free)
		}
	}
	return nil
}

// freeSpace is what root may still write below dir, in bytes. The last blocks of
// a file system that are kept for root count, as the daemons are root's.
func freeSpace(dir string) (free uint64, ok bool) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil || st.Blocks == 0 {
		return 0, false // some file systems have no such numbers
	}
	return st.Bfree * uint64(st.Bsize), true
}

// diskError puts the folder and what is free there in the place of a bare "no
// space left on device". Other errors pass through.
func diskError(err error, dir string) error {
	if !errors.Is(err, unix.ENOSPC) && !errors.Is(err, unix.EDQUOT) {
		return err
	}
	free, _ := freeSpace(dir)
	return fullError(dir, free)
}

func fullError(dir string, free uint64) error {
	err := fmt.Errorf("the disk that holds %s is full (%s free): %w", dir, units.BytesSize(float64(free)), unix.ENOSPC)
	return errs.WithHint(err, "free some space, or choose another place with --data-root")
}
