package library

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/journal"
	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/records"
)

// canary is a key that no other byte of the database is like.
const canary = "kestrel-77-answer"

// secretive is a quiz whose key holds the canary.
func secretive(title string) item.Quiz {
	return item.Quiz{Title: title, Items: []item.Authored{{
		Item: item.Item{Kind: item.Text, Text: "Which bird?", Points: 1},
		Key:  item.Key{Texts: []item.Accepted{{Text: canary, Weight: 1}}, General: "because of " + canary},
	}}}
}

// raw is every byte of the database file.
func raw(t *testing.T, c Config) []byte {
	t.Helper()
	data, err := os.ReadFile(c.Path)
	check(t, err)
	return data
}

// plain stores a quiz as earlier versions did.
func plain(t *testing.T, l *Library, q item.Quiz) {
	t.Helper()
	check(t, l.update("test", func(tx *bbolt.Tx) error { return records.Put(tx, bucketQuizzes, q.ID, q) }))
}

func TestNoByteOfAKeyIsOnDisk(t *testing.T) {
	c := config(t)
	l := open(t, c)
	q, err := l.AddQuiz(secretive("Birds"))
	check(t, err)
	q.Title = "More birds"
	q, err = l.PutQuiz(q)
	check(t, err)
	_, err = l.ApplyQuiz(1, "k1", secretive("Owls"), false)
	check(t, err)
	var backup bytes.Buffer
	check(t, l.Backup(&backup))
	check(t, journal.CompactNext(c.Path))
	check(t, l.Close())
	l = open(t, c)
	for name, data := range map[string][]byte{"file": raw(t, c), "backup": backup.Bytes()} {
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
	c := config(t)
	l := open(t, c)
	old := secretive("Birds")
	old.ID, old.Updated = "q_old", 7
	check(t, old.Normalise("test"))
	plain(t, l, old)
	if got, err := l.Quiz("q_old"); err != nil || !cmp.Equal(got, old) {
		t.Errorf("before: %+v, %v", got, err)
	}
	check(t, l.Close())
	if !bytes.Contains(raw(t, c), []byte(canary)) {
		t.Fatal("the test stored no open key")
	}
	l = open(t, c)
	if bytes.Contains(raw(t, c), []byte(canary)) {
		t.Error("after the Open the file shows the key, if only in a free page")
	}
	if got, err := l.Quiz("q_old"); err != nil || !cmp.Equal(got, old) {
		t.Errorf("after: %+v, %v", got, err)
	}
	if l.Found() != (journal.Found{}) {
		t.Errorf("a good file was found as %+v", l.Found())
	}
}

func TestAnEarlierVersionSeesNoQuizWithoutKeys(t *testing.T) {
	l := open(t, config(t))
	q, err := l.AddQuiz(secretive("Birds"))
	check(t, err)
	check(t, l.view("test", func(tx *bbolt.Tx) error {
		_, err := records.Get[item.Quiz](tx, bucketQuizzes, q.ID)
		if errs.KindOf(err) != errs.Corrupt {
			t.Errorf("it is told %v", err)
		}
		return nil
	}))
}

func TestWithAnotherSecretListsGoOnAndEachQuizSaysWhy(t *testing.T) {
	for name, secret := range map[string][]byte{"another": bytes.Repeat([]byte("z"), secretLen), "no": nil} {
		c := config(t)
		l := open(t, c)
		q, err := l.AddQuiz(secretive("Birds"))
		check(t, err)
		check(t, l.Close())
		c.Secret = secret
		l = open(t, c)
		list, err := l.Quizzes()
		check(t, err)
		if len(list) != 1 || list[0].Count != 1 || list[0].Title != "Birds" {
			t.Errorf("%s secret: the list is %+v", name, list)
		}
		if _, err := l.Quiz(q.ID); code(err) != "down keys_locked" {
			t.Errorf("%s secret: got %v", name, err)
		}
		if _, err := l.AddQuiz(secretive("New")); (err == nil) != (secret != nil) {
			t.Errorf("%s secret: a new quiz: %v", name, err)
		}
		if _, err := l.PutQuiz(q); (err == nil) != (secret != nil) {
			t.Errorf("%s secret: a quiz in its place: %v", name, err)
		}
		check(t, l.DeleteQuiz(q.ID))
	}
}

func TestASecretOfAnotherLengthIsRefused(t *testing.T) {
	c := config(t)
	c.Secret = []byte("short")
	if _, err := Open(c, nil); code(err) != "invalid out_of_range" {
		t.Errorf("got %v", err)
	}
}

func TestAKeyOpensUnderItsOwnQuizOnly(t *testing.T) {
	l := open(t, config(t))
	a, err := l.AddQuiz(secretive("A"))
	check(t, err)
	b, err := l.AddQuiz(item.Quiz{Title: "B", Items: []item.Authored{question("x")}})
	check(t, err)
	check(t, l.update("test", func(tx *bbolt.Tx) error { // somebody with the file swaps the keys of two quizzes
		one, err := records.Get[storedQuiz](tx, bucketQuizzes, a.ID)
		check(t, err)
		two, err := records.Get[storedQuiz](tx, bucketQuizzes, b.ID)
		check(t, err)
		two.Sealed = one.Sealed
		return records.Put(tx, bucketQuizzes, b.ID, two)
	}))
	if _, err := l.Quiz(b.ID); code(err) != "down keys_locked" {
		t.Errorf("got %v", err)
	}
}

func TestAStoredQuizOfAnyShapeIsReadOrRefused(t *testing.T) {
	l := open(t, config(t))
	for _, data := range []string{
		`{}`, `{"items":null}`, `{"items":"sealed"}`, `{"items":7}`, `{"sealed":"AA==","asked":[{}]}`, `{"sealed":"","items":"sealed"}`, `{"items":[{"key":{}}]}`,
	} {
		var s storedQuiz
		check(t, json.Unmarshal([]byte(data), &s))
		if q, err := l.unseal("q_x", s); err == nil && len(q.Items) > 1 {
			t.Errorf("%s: %+v", data, q)
		}
	}
}
