package outfile

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func say(text string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	}
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "f")
	if err := Write(file, say("one")); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	err := Write(file, func(w io.Writer) error { return errors.Join(say("half")(w), broken) })
	if !errors.Is(err, broken) {
		t.Errorf("the failure was lost: %v", err)
	}
	data, err := os.ReadFile(file)
	if err != nil || string(data) != "one" {
		t.Errorf("after a failure there is %q (%v), want what was there before", data, err)
	}
	if list, _ := os.ReadDir(dir); len(list) != 1 {
		t.Errorf("left behind: %v", list)
	}
}

func TestPlacesThatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	if err := Write(dir, say("x")); err == nil || !strings.Contains(err.Error(), "is a folder") {
		t.Errorf("a folder: %v", err)
	}
	if err := Write(filepath.Join(dir, "no/f"), say("x")); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("no folder: %v", err)
	}
}

func TestDevice(t *testing.T) {
	if err := Write(os.DevNull, say("x")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(os.DevNull); err != nil || info.Mode()&os.ModeDevice == 0 {
		t.Errorf("%s was replaced: %v", os.DevNull, err)
	}
}
