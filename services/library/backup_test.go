package library

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/errs"
)

func TestBackupBringsDecksAndQuizzesBack(t *testing.T) {
	c := newConfig(t)
	l := openLibrary(t, c)
	_, quiz, err := l.AddSample("fr")
	checkError(t, err)
	drawDeck(t, l, "d_1", "Deck")
	want := listFiles(t, c)
	decks, err := l.Decks.Decks()
	checkError(t, err)
	u, err := l.Decks.NewUpload()
	checkError(t, err)
	checkError(t, u.AddFile(strings.NewReader("%PDF-1.7")))
	_, err = l.Decks.AddDeck("Making", "j_1", u) // its upload is not in the backup
	checkError(t, err)
	var b bytes.Buffer
	checkError(t, l.Backup(&b))
	whole := bytes.Clone(b.Bytes())
	b.WriteString("what follows")

	back := newConfig(t)
	checkError(t, Restore(&b, back))
	if rest, err := io.ReadAll(&b); err != nil || string(rest) != "what follows" {
		t.Errorf("after the backup came %q, %v", rest, err)
	}
	m := openLibrary(t, back)
	if diff := cmp.Diff(want, listFiles(t, back)); diff != "" {
		t.Error(diff)
	}
	if got, err := m.Quiz(quiz.ID); err != nil || !cmp.Equal(got, quiz) {
		t.Errorf("got %+v, %v", got, err)
	}
	got, err := m.Decks.Decks()
	checkError(t, err)
	if diff := cmp.Diff(decks, got[1:]); diff != "" {
		t.Error(diff)
	}
	for _, n := range []int{len(whole) - 1, len(whole) - 40, len(whole) - 600, len(whole) / 2} {
		if err := Restore(bytes.NewReader(whole[:n]), newConfig(t)); errs.KindOf(err) != errs.Invalid {
			t.Errorf("cut at %d of %d: %v", n, len(whole), err)
		}
	}
	for _, n := range []int{len(whole) - 5, len(whole) - 3000, len(whole) - 20000} {
		bent := bytes.Clone(whole)
		bent[n] ^= 1
		if err := Restore(bytes.NewReader(bent), newConfig(t)); errs.KindOf(err) != errs.Invalid {
			t.Errorf("bent at %d of %d: %v", n, len(whole), err)
		}
	}
}
