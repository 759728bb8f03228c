package library

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/errs"
)

func TestBackupBringsDecksAndQuizzesBack(t *testing.T) {
	c := config(t)
	l := open(t, c)
	_, quiz, err := l.AddSample("fr")
	check(t, err)
	made(t, l, "Deck")
	want := files(t, c)
	decks, err := l.Decks()
	check(t, err)
	upload(t, l, "Making") // its upload is not in the backup
	var b bytes.Buffer
	check(t, l.Backup(&b))
	whole := bytes.Clone(b.Bytes())
	b.WriteString("what follows")

	back := config(t)
	check(t, Restore(&b, back))
	if rest, err := io.ReadAll(&b); err != nil || string(rest) != "what follows" {
		t.Errorf("after the backup came %q, %v", rest, err)
	}
	m := open(t, back)
	if diff := cmp.Diff(want, files(t, back)); diff != "" {
		t.Error(diff)
	}
	if got, err := m.Quiz(quiz.ID); err != nil || !cmp.Equal(got, quiz) {
		t.Errorf("got %+v, %v", got, err)
	}
	got, err := m.Decks()
	check(t, err)
	if diff := cmp.Diff(decks, got[1:]); diff != "" {
		t.Error(diff)
	}
	for _, n := range []int{len(whole) - 1, len(whole) - 40, len(whole) - 600, len(whole) / 2} {
		if err := Restore(bytes.NewReader(whole[:n]), config(t)); errs.KindOf(err) != errs.Invalid {
			t.Errorf("cut at %d of %d: %v", n, len(whole), err)
		}
	}
	for _, n := range []int{len(whole) - 5, len(whole) - 3000, len(whole) - 20000} {
		bent := bytes.Clone(whole)
		bent[n] ^= 1
		if err := Restore(bytes.NewReader(bent), config(t)); errs.KindOf(err) != errs.Invalid {
			t.Errorf("bent at %d of %d: %v", n, len(whole), err)
		}
	}
}

func TestRestoreWritesPageImagesOnly(t *testing.T) {
	key := strings.Repeat("0", 32)
	for name, kind := range map[string]byte{
		"../../x":                        tar.TypeReg,
		"/tmp/x":                         tar.TypeReg,
		"d_x/../" + key + "-640.png":     tar.TypeReg,
		"d_x/library.db":                 tar.TypeReg,
		"d_x/" + key + "-640.png/x":      tar.TypeReg,
		"d_x/" + key + "-640.png":        tar.TypeSymlink,
		"d_x":                            tar.TypeDir,
		"d_x/" + key + "-640.png\x00.sh": tar.TypeReg,
	} {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		if err := w.WriteHeader(&tar.Header{Typeflag: kind, Name: name, Linkname: "/etc/passwd"}); err != nil {
			continue // no archive can hold it
		}
		check(t, w.Close())
		dir := t.TempDir()
		root, err := os.OpenRoot(dir)
		check(t, err)
		if err := unpack(root, tar.NewReader(&b)); errs.KindOf(err) != errs.Invalid {
			t.Errorf("%q: got %v", name, err)
		}
		check(t, root.Close())
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("%q: wrote %v, %v", name, left, err)
		}
	}
}
