package pg_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"slices"
	"strings"
	"testing"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/quiz/item"
)

// newPicture returns a small PNG and its id.
func newPicture(shade uint8) (id string, data []byte) {
	m := image.NewGray(image.Rect(0, 0, 8, 6))
	m.SetGray(1, 1, color.Gray{Y: shade})
	var out bytes.Buffer
	if err := png.Encode(&out, m); err != nil {
		panic(err) // to memory
	}
	return item.MakeImageID(out.Bytes(), "png"), out.Bytes()
}

// quizOf returns a quiz with a question for each picture.
func quizOf(id string, pictures ...string) json.RawMessage {
	var items []string
	for i, p := range pictures {
		items = append(items, fmt.Sprintf(`{"id":"q%d","kind":"truefalse","text":"Is it?","image":{"id":%q,"alt":"a","w":8,"h":6},"key":{"weights":{"t":1}}}`, i, p))
	}
	return json.RawMessage(fmt.Sprintf(`{"id":%q,"title":"Q","items":[%s]}`, id, strings.Join(items, ",")))
}

// TestPicturesTravelWithTheirQuiz sends two quizzes that share a picture: it is there once, before both.
func TestPicturesTravelWithTheirQuiz(t *testing.T) {
	r := newRig(t)
	a, aData := newPicture(1)
	b, bData := newPicture(2)
	pictures := map[string][]byte{a: aData, b: bData}
	r.must(r.store.PutQuiz(t.Context(), school, "k1", quizOf("k1", a), map[string][]byte{a: aData, b: bData}))
	r.must(r.store.PutQuiz(t.Context(), school, "k2", quizOf("k2", a, b), pictures))
	r.must(r.store.PutQuiz(t.Context(), school, "k2", quizOf("k2", a, b), pictures))
	page, err := r.store.Pull(t.Context(), ada, 0, 100)
	r.must(err)
	var got []string
	for _, it := range page.Items {
		if it.Kind != cloud.ItemPicture && it.Kind != cloud.ItemQuiz {
			continue
		}
		got = append(got, it.ID)
		if it.Kind == cloud.ItemQuiz {
			continue
		}
		var p cloud.Picture
		if err := json.Unmarshal(it.Data, &p); err != nil || !bytes.Equal(p.Data, pictures[it.ID]) {
			t.Errorf("%s has other content, %v", it.ID, err)
		}
	}
	if want := []string{a, "k1", b, "k2"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAQuizWithABadPictureIsRefusedAsAWhole(t *testing.T) {
	r := newRig(t)
	id, data := newPicture(1)
	other, otherData := newPicture(2)
	for code, pictures := range map[string]map[string][]byte{"missing": {other: otherData}, "altered": {id: otherData}, "too_long": {id: make([]byte, cloud.MaxPictureBytes+1)}} {
		wantError(t, r.store.PutQuiz(t.Context(), school, "k1", quizOf("k1", id), pictures), errs.Invalid, code)
	}
	wantError(t, r.store.PutQuiz(t.Context(), "Typo", "k1", quizOf("k1", id), map[string][]byte{id: data}), errs.Missing, "no_school")
	if n := r.queryInt(`select count(*) from livelearn.down where kind in ('quiz', 'picture')`); n != 0 {
		t.Errorf("%d items are left of a refused quiz", n)
	}
}

// TestPicturesOfASchoolHaveALimit removes those that no quiz shows before it refuses more.
func TestPicturesOfASchoolHaveALimit(t *testing.T) {
	r := newRig(t)
	id, data := newPicture(1)
	r.exec(fmt.Sprintf(`insert into livelearn.down (school, kind, id, n, data) select s.id, 'picture', 'old' || g, 100000 + g, '{}' from livelearn.schools s, generate_series(1, %d) g`, cloud.MaxPictures))
	r.must(r.store.PutQuiz(t.Context(), school, "k1", quizOf("k1", id), map[string][]byte{id: data}))
	if n := r.queryInt(`select count(*) from livelearn.down where kind = 'picture'`); n != 1 {
		t.Errorf("%d pictures are left", n)
	}
	r.exec(fmt.Sprintf(`insert into livelearn.down (school, kind, id, n, data) select s.id, 'picture', 'old' || g, 100000 + g, '{}' from livelearn.schools s, generate_series(1, %d) g`, cloud.MaxPictures))
	r.exec(`insert into livelearn.down (school, kind, id, n, data) select id, 'quiz', 'big', 300000, jsonb_build_object('all', (select string_agg(d.id, ',') from livelearn.down d where d.kind = 'picture')) from livelearn.schools`)
	other, otherData := newPicture(3)
	err := r.store.PutQuiz(t.Context(), school, "k2", quizOf("k2", other), map[string][]byte{other: otherData})
	wantError(t, err, errs.Invalid, "too_many")
}
