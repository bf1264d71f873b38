package state

import "os"

// File is the open file that holds the lock. A process that inherits it holds the
// lock too, so work that outlives its killed parent stays under it.
func (l *Lock) File() *os.File { return l.f }
