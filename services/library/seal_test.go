package library

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/quiz/item"
)

// canary is a key that appears once in the database.
const canary = "kestrel-77-answer"

// quizWithCanary is a quiz with the canary as its key.
func quizWithCanary(title string) item.Quiz {
	return item.Quiz{Title: title, Items: []item.Authored{{
		Item: item.Item{Kind: item.Text, Text: "Which bird?", Points: 1},
		Key:  item.Key{Texts: []item.Accepted{{Text: canary, Weight: 1}}, General: "because of " + canary},
	}}}
}

// readDatabase returns every byte of the database file.
func readDatabase(t *testing.T, c Config) []byte {
	t.Helper()
	data, err := os.ReadFile(c.Path)
	checkError(t, err)
	return data
}

// storeUnsealed stores a quiz like earlier versions.
func storeUnsealed(t *testing.T, l *Library, q item.Quiz) {
	t.Helper()
	checkError(t, l.writeTx("test", func(tx *checkedkv.Tx) error { return checkedkv.Put(tx, bucketQuizzes, q.ID, q) }))
}

func TestNoByteOfAKeyIsOnDisk(t *testing.T) {
	c := newConfig(t)
	l := openLibrary(t, c)
	q, err := l.AddQuiz(quizWithCanary("Birds"))
	checkError(t, err)
	q.Title = "More birds"
	q, err = l.PutQuiz(q)
	checkError(t, err)
	_, err = l.ApplyQuiz(1, "k1", quizWithCanary("Owls"), false)
	checkError(t, err)
	var backup bytes.Buffer
	checkError(t, l.Backup(&backup))
	checkError(t, checkedkv.CompactNext(c.Path))
	checkError(t, l.Close())
	l = openLibrary(t, c)
	for name, data := range map[string][]byte{"file": readDatabase(t, c), "backup": backup.Bytes()} {
		if bytes.Contains(data, []byte(canary)) {
			t.Errorf("the %s shows a key", name)
		}
		if !bytes.Contains(data, []byte("Which bird?")) {
			t.Errorf("the %s does not have the question", name)
		}
	}
	got, err := l.Quiz(q.ID)
	if diff := cmp.Diff(q, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}

func TestKeysOfAnEarlierVersionAreReadAndSealedAtOpen(t *testing.T) {
	c := newConfig(t)
	l := openLibrary(t, c)
	old := quizWithCanary("Birds")
	old.ID, old.Updated = "q_old", 7
	checkError(t, old.Normalise("test"))
	storeUnsealed(t, l, old)
	if got, err := l.Quiz("q_old"); err != nil || !cmp.Equal(got, old) {
		t.Errorf("before: %+v, %v", got, err)
	}
	checkError(t, l.Close())
	if !bytes.Contains(readDatabase(t, c), []byte(canary)) {
		t.Fatal("the test stored no open key")
	}
	l = openLibrary(t, c)
	if bytes.Contains(readDatabase(t, c), []byte(canary)) {
		t.Error("after the Open the file shows the key, if only in a free page")
	}
	if got, err := l.Quiz("q_old"); err != nil || !cmp.Equal(got, old) {
		t.Errorf("after: %+v, %v", got, err)
	}
	if l.OpenResult() != (checkedkv.OpenResult{}) {
		t.Errorf("a good file was found as %+v", l.OpenResult())
	}
}

func TestAnEarlierVersionSeesNoQuizWithoutKeys(t *testing.T) {
	l := openLibrary(t, newConfig(t))
	q, err := l.AddQuiz(quizWithCanary("Birds"))
	checkError(t, err)
	checkError(t, l.readTx("test", func(tx *checkedkv.Tx) error {
		_, err := checkedkv.Get[item.Quiz](tx, bucketQuizzes, q.ID)
		if errs.KindOf(err) != errs.Corrupt {
			t.Errorf("it is told %v", err)
		}
		return nil
	}))
}

func TestWithAnotherSecretListsGoOnAndEachQuizSaysWhy(t *testing.T) {
	for name, secret := range map[string][]byte{"another": bytes.Repeat([]byte("z"), secretLen), "no": nil} {
		c := newConfig(t)
		l := openLibrary(t, c)
		q, err := l.AddQuiz(quizWithCanary("Birds"))
		checkError(t, err)
		checkError(t, l.Close())
		c.Secret = secret
		l = openLibrary(t, c)
		list, err := l.Quizzes()
		checkError(t, err)
		if len(list) != 1 || list[0].Count != 1 || list[0].Title != "Birds" {
			t.Errorf("%s secret: the list is %+v", name, list)
		}
		if _, err := l.Quiz(q.ID); errorCode(err) != "down keys_locked" {
			t.Errorf("%s secret: got %v", name, err)
		}
		if _, err := l.AddQuiz(quizWithCanary("New")); (err == nil) != (secret != nil) {
			t.Errorf("%s secret: a new quiz: %v", name, err)
		}
		if _, err := l.PutQuiz(q); (err == nil) != (secret != nil) {
			t.Errorf("%s secret: a quiz in its place: %v", name, err)
		}
		checkError(t, l.DeleteQuiz(q.ID))
	}
}

func TestASecretOfAnotherLengthIsRefused(t *testing.T) {
	c := newConfig(t)
	c.Secret = []byte("short")
	if _, err := Open(c, nil); errorCode(err) != "invalid out_of_range" {
		t.Errorf("got %v", err)
	}
}

func TestAKeyOpensUnderItsOwnQuizOnly(t *testing.T) {
	l := openLibrary(t, newConfig(t))
	a, err := l.AddQuiz(quizWithCanary("A"))
	checkError(t, err)
	b, err := l.AddQuiz(item.Quiz{Title: "B", Items: []item.Authored{newQuestion("x")}})
	checkError(t, err)
	checkError(t, l.writeTx("test", func(tx *checkedkv.Tx) error { // an attacker with the file swaps the keys of two quizzes
		one, err := checkedkv.Get[storedQuiz](tx, bucketQuizzes, a.ID)
		checkError(t, err)
		two, err := checkedkv.Get[storedQuiz](tx, bucketQuizzes, b.ID)
		checkError(t, err)
		two.Sealed = one.Sealed
		return checkedkv.Put(tx, bucketQuizzes, b.ID, two)
	}))
	if _, err := l.Quiz(b.ID); errorCode(err) != "down keys_locked" {
		t.Errorf("got %v", err)
	}
}

func TestAStoredQuizOfAnyShapeIsReadOrRefused(t *testing.T) {
	l := openLibrary(t, newConfig(t))
	for _, data := range []string{
		`{}`, `{"items":null}`, `{"items":"sealed"}`, `{"items":7}`, `{"sealed":"AA==","asked":[{}]}`, `{"sealed":"","items":"sealed"}`, `{"items":[{"key":{}}]}`,
	} {
		var s storedQuiz
		checkError(t, json.Unmarshal([]byte(data), &s))
		if q, err := l.unsealQuiz("q_x", s); err == nil && len(q.Items) > 1 {
			t.Errorf("%s: %+v", data, q)
		}
	}
}
