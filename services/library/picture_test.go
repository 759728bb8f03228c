package library

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/slides"
)

func newPicture(text string) slides.Picture {
	return slides.Picture{Ext: "png", W: 8, H: 6, Data: []byte(text)}
}

func readPicture(t *testing.T, l *Library, id string) string {
	t.Helper()
	f, err := l.OpenPicture(id)
	checkError(t, err)
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(f)
	checkError(t, err)
	return string(data)
}

func TestAPictureIsStoredOnceUnderItsContent(t *testing.T) {
	c := newConfig(t)
	l := openLibrary(t, c)
	a, err := l.AddImage(newPicture("one"))
	checkError(t, err)
	again, err := l.AddImage(newPicture("one"))
	checkError(t, err)
	b, err := l.AddImage(newPicture("two"))
	checkError(t, err)
	if a != again || a.ID == b.ID || readPicture(t, l, b.ID) != "two" || a.W != 8 || a.H != 6 {
		t.Errorf("%+v, %+v, %+v", a, again, b)
	}
	for _, id := range []string{"", "../library.db", strings.Repeat("0", 32) + ".png", a.ID + "/x"} {
		if _, err := l.OpenPicture(id); errs.KindOf(err) != errs.Missing {
			t.Errorf("%q: %v", id, err)
		}
	}
	checkError(t, l.Close())
	if l = openLibrary(t, c); readPicture(t, l, a.ID) != "one" {
		t.Error("the next start swept it")
	}
}

func TestABackupHasThePicturesOfQuestions(t *testing.T) {
	l := openLibrary(t, newConfig(t))
	m, err := l.AddImage(newPicture("a map"))
	checkError(t, err)
	var b bytes.Buffer
	checkError(t, l.Backup(&b))
	back := newConfig(t)
	checkError(t, Restore(&b, back))
	if got := readPicture(t, openLibrary(t, back), m.ID); got != "a map" {
		t.Errorf("got %q", got)
	}
}

func TestOnlyAPictureThatNoQuizShowsMakesRoom(t *testing.T) {
	l := openLibrary(t, newConfig(t))
	var ids []string
	for i := range 3 {
		m, err := l.AddImage(newPicture(fmt.Sprint("picture ", i)))
		checkError(t, err)
		ids = append(ids, m.ID)
		if i == 1 { // the middle one is not in a quiz
			continue
		}
		m.Alt = "A map"
		q := newQuestion("Where?")
		q.Image = &m
		_, err = l.AddQuiz(item.Quiz{Title: "Maps", Items: []item.Authored{q}})
		checkError(t, err)
	}
	checkError(t, l.makeRoomForImage(4)) // there is room
	checkError(t, l.makeRoomForImage(3))
	if _, err := l.OpenPicture(ids[1]); errs.KindOf(err) != errs.Missing {
		t.Errorf("the picture that no quiz shows: %v", err)
	}
	readPicture(t, l, ids[0])
	readPicture(t, l, ids[2])
	if e := errs.BodyOf(l.makeRoomForImage(2)); e.Code != "too_many" || e.Limit != 2 {
		t.Errorf("when quizzes show all: %+v", e)
	}
}
