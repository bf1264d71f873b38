package send

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"time"
	"unicode/utf8"

	"github.com/nerd-cli/nerd/pkg/monitor/wire"
)

// longest is where a line is cut into pieces, in bytes, as Docker cuts it.
const longest = 16 << 10

// splitter cuts frames into messages. It knows which streams are in the midst of a
// line that came in pieces.
type splitter struct {
	piece [2]*Piece // the last piece, nil: none
	next  [2]uint64 // offset at which the stream goes on
	out   []Message
}

// split is valid until the frame's text is.
func (s *splitter) split(f frame) []Message {
	i := f.Stream
	if f.Offset != s.next[i] { // something is missing, and with it the line's end
		s.piece[i] = nil
	}
	s.next[i] = f.Offset + uint64(f.Length)
	at := time.Unix(0, f.Time)
	out := make([]Message, 0, bytes.Count(f.text, []byte{'\n'})+1)
	for text := f.text; len(text) > 0; {
		m := Message{Stream: i, Time: at}
		end := bytes.IndexByte(text[:min(len(text), longest)], '\n')
		if end >= 0 {
			m.Line, text = text[:end], text[end+1:]
			if s.piece[i] != nil {
				m.Piece = s.following(i, true)
				s.piece[i] = nil
			}
		} else {
			end = cut(text)
			m.Line, text = text[:end], text[end:]
			m.Piece = s.following(i, false)
			s.piece[i] = m.Piece
		}
		out = append(out, m)
	}
	if f.Flags&wire.FeedFinal != 0 {
		s.piece[i] = nil
	}
	return out
}

// following is the piece after the last one, or the first of a line.
func (s *splitter) following(i byte, last bool) *Piece {
	if p := s.piece[i]; p != nil {
		return &Piece{ID: p.ID, Ordinal: p.Ordinal + 1, Last: last}
	}
	var id [32]byte
	_, _ = rand.Read(id[:]) // never fails
	return &Piece{ID: hex.EncodeToString(id[:]), Ordinal: 1, Last: last}
}

// cut is the length of the first piece of a text without a newline: not within a
// character.
func cut(text []byte) int {
	if len(text) <= longest {
		return len(text)
	}
	for i := longest - 1; i > longest-utf8.UTFMax; i-- {
		if utf8.RuneStart(text[i]) {
			if !utf8.FullRune(text[i:longest]) {
				return i
			}
			break
		}
	}
	return longest
}
