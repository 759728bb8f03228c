package cloud_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/library"
	"github.com/livelearn/box/services/roster"
)

// newEmptyDownlink returns a Downlink that fetches nothing.
func newEmptyDownlink() *cloud.Downlink { return &cloud.Downlink{} }

// schoolFixture is the box's data of its school, and the notes for an admin.
type schoolFixture struct {
	*cloud.Downlink
	t        testing.TB
	dir      string
	notes    []string
	erased   map[string]bool
	policies []cloud.Policy
}

func newSchoolFixture(t testing.TB, dir string) *schoolFixture {
	t.Helper()
	s := &schoolFixture{t: t, dir: dir, erased: map[string]bool{}}
	s.open()
	t.Cleanup(s.close)
	return s
}

// open opens the files, as a start of the box does.
func (s *schoolFixture) open() {
	s.t.Helper()
	log := slog.New(slog.DiscardHandler)
	s.Downlink = &cloud.Downlink{
		Log:    log,
		Erase:  func(_ context.Context, pupil string) error { s.erased[pupil] = true; return nil },
		Policy: func(p cloud.Policy) error { s.policies = append(s.policies, p); return nil },
		Note: func(n cloud.Note) error {
			s.notes = append(s.notes, fmt.Sprintf("%s %s %d", n.Code, n.What, n.N))
			return nil
		},
	}
	var err error
	if s.Roster, err = roster.Open(roster.Config{Path: filepath.Join(s.dir, "roster.db")}, log); err != nil {
		s.t.Fatal(err)
	}
	c := library.Config{Path: filepath.Join(s.dir, "library.db"), Folder: filepath.Join(s.dir, "library"), Secret: bytes.Repeat([]byte("s"), 32)}
	if s.Library, err = library.Open(c, log); err != nil {
		s.t.Fatal(err)
	}
}

func (s *schoolFixture) close() {
	if err := errors.Join(s.Roster.Close(), s.Library.Close()); err != nil {
		s.t.Error(err)
	}
}

// describe returns everything that was fetched, without random ids.
func (s *schoolFixture) describe() (out []string) {
	s.t.Helper()
	classes, err := s.Roster.Classes()
	if err != nil {
		s.t.Fatal(err)
	}
	for _, c := range classes {
		var line strings.Builder
		line.WriteString(c.Name + " " + c.Source)
		for _, p := range c.Pupils {
			line.WriteString(fmt.Sprintf(" %s/%s/%g", p.Name, p.Source, p.Time))
		}
		out = append(out, line.String())
	}
	quizzes, err := s.Library.Quizzes()
	if err != nil {
		s.t.Fatal(err)
	}
	for _, q := range quizzes {
		if _, err := s.Library.Quiz(q.ID); err != nil {
			s.t.Fatal(err)
		}
		out = append(out, "quiz "+q.ID+" "+q.Title)
	}
	slices.Sort(out)
	for id := range s.erased {
		out = append(out, "erased "+id)
	}
	slices.Sort(out)
	return out
}

func classItem(n uint64, id, name string, pupils ...string) cloud.Item {
	c := cloud.Class{Name: name, Pupils: []cloud.Pupil{}}
	for i, p := range pupils {
		c.Pupils = append(c.Pupils, cloud.Pupil{ID: fmt.Sprint(id, "-", i), Name: p})
	}
	data, _ := json.Marshal(c)
	return cloud.Item{N: n, Kind: cloud.ItemClass, ID: id, Version: 1, Data: data}
}

func quizItem(n uint64, id, title string) cloud.Item {
	data := fmt.Sprintf(`{"title":%q,"items":[{"kind":"truefalse","text":"x","points":1,"key":{"weights":{"t":1}}}],"later":{}}`, title)
	return cloud.Item{N: n, Kind: cloud.ItemQuiz, ID: id, Version: 1, Data: json.RawMessage(data)}
}

func eraseItem(n uint64, pupil string) cloud.Item {
	return cloud.Item{N: n, Kind: cloud.ItemErasure, ID: pupil, Data: json.RawMessage(fmt.Sprintf(`{"pupil":%q}`, pupil))}
}

const pupilID = "p_abcdefghijklm"

func TestItemsAreAppliedOnce(t *testing.T) {
	s, sink := newSchoolFixture(t, t.TempDir()), newMemorySink()
	sink.items = []cloud.Item{
		classItem(2, "k1", "7b", "Ben", "Cleo"),
		quizItem(3, "math", "Fractions"),
		{N: 5, Kind: cloud.ItemPolicy, Data: json.RawMessage(`{"names":true}`)},
		eraseItem(7, pupilID),
	}
	for range 2 {
		if err := s.PullAll(t.Context(), sink); err != nil {
			t.Fatal(err)
		}
		want := []string{"7b k1 Ben/k1-0/0 Cleo/k1-1/0", "erased " + pupilID, "quiz q_cloud_math Fractions"}
		if diff := cmp.Diff(want, s.describe()); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]cloud.Policy{{Names: true}}, s.policies); diff != "" {
			t.Error(diff)
		}
	}
	clear(s.erased)
	sink.items = append(sink.items, classItem(9, "k1", "7b", "Ben"), cloud.Item{N: 10, Kind: cloud.ItemClass, ID: "k1", Gone: true}, cloud.Item{N: 11, Kind: cloud.ItemQuiz, ID: "math", Gone: true})
	if err := s.PullAll(t.Context(), sink); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"7b k1 Ben/k1-0/0 Cleo/k1-1/0"}, s.describe()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"left_pupils 7b 1", "left_class 7b 0", "gone_quiz Fractions 0"}, s.notes); diff != "" {
		t.Error(diff)
	}
}

func TestAnInvalidItemBecomesANoteAndBlocksNothing(t *testing.T) {
	s, sink := newSchoolFixture(t, t.TempDir()), newMemorySink()
	bad := []cloud.Item{
		{Kind: cloud.ItemClass, ID: "k9", Data: json.RawMessage(`{"name":7}`)},
		{Kind: cloud.ItemClass, ID: "k9", Data: json.RawMessage(`{"name":""}`)},
		{Kind: cloud.ItemClass, ID: "", Data: json.RawMessage(`{"name":"8c"}`)},
		{Kind: cloud.ItemClass, ID: "k9"},
		{Kind: cloud.ItemQuiz, ID: "../x", Data: json.RawMessage(`{"title":"x"}`)},
		{Kind: cloud.ItemQuiz, ID: "x", Data: json.RawMessage(`{"title":"x","items":[{"kind":"none"}]}`)},
		{Kind: cloud.ItemQuiz, ID: "x", Data: json.RawMessage(`[`)},
		{Kind: cloud.ItemQuiz, ID: "long", Data: json.RawMessage(`"` + strings.Repeat("x", 5<<20) + `"`)},
		{Kind: cloud.ItemPolicy, Data: json.RawMessage(`{"names":"yes"}`)},
		{Kind: cloud.ItemErasure, Data: json.RawMessage(`{"pupil":"a"}`)}, // would remove each "a" from the facts
		{Kind: cloud.ItemErasure, Data: json.RawMessage(`{}`)},
		{Kind: "rocket", Data: json.RawMessage(`{}`)},
	}
	var many []string
	for i := range 1001 {
		many = append(many, fmt.Sprint("Pupil ", i))
	}
	bad = append(bad, classItem(0, "k8", "8d", many...))
	for i, it := range bad {
		it.N = uint64(2*i + 1)
		sink.items = append(sink.items, it, classItem(it.N+1, "k1", "7b", "Ben"))
	}
	if err := s.PullAll(t.Context(), sink); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"7b k1 Ben/k1-0/0"}, s.describe()); diff != "" {
		t.Error(diff)
	}
	if len(s.notes) != len(bad) {
		t.Errorf("%d wrong items, %d notes: %q", len(bad), len(s.notes), s.notes)
	}
	for _, n := range s.notes {
		if len([]rune(n)) > 250 {
			t.Errorf("a note of %d characters", len(n))
		}
	}
	at, _ := s.Roster.DownCursor()
	if lib, _ := s.Library.DownCursor(); at != uint64(2*len(bad)) || lib != at {
		t.Errorf("the cursors are %d and %d", at, lib)
	}
}

// pageSink is a cloud that returns one page for any question.
type pageSink struct {
	*memorySink
	page  cloud.Page
	asked []uint64
}

func (p *pageSink) Pull(_ context.Context, since uint64, _ int) (cloud.Page, error) {
	p.asked = append(p.asked, since)
	return p.page, nil
}

func TestAnInvalidPageIsNotApplied(t *testing.T) {
	for name, p := range map[string]cloud.Page{
		"falls":        {Items: []cloud.Item{classItem(3, "k1", "7b"), classItem(2, "k2", "8b")}, Next: 3},
		"twice":        {Items: []cloud.Item{classItem(3, "k1", "7b"), classItem(3, "k2", "8b")}, Next: 3},
		"ends before":  {Items: []cloud.Item{classItem(3, "k1", "7b")}, Next: 2},
		"stands still": {More: true},
		"zero":         {Items: []cloud.Item{classItem(0, "k1", "7b")}, Next: 3},
		"too large":    {Items: []cloud.Item{classItem(1<<60, "k1", "7b")}, Next: 1 << 60},
	} {
		s := newSchoolFixture(t, t.TempDir())
		err := s.PullAll(t.Context(), &pageSink{memorySink: newMemorySink(), page: p})
		if errs.KindOf(err) != errs.Down || len(s.describe()) > 0 {
			t.Errorf("%s: %v, %q", name, err, s.describe())
		}
	}
}

func TestARestoredCloudIsReadFromTheStart(t *testing.T) {
	s, sink := newSchoolFixture(t, t.TempDir()), newMemorySink()
	sink.items = []cloud.Item{classItem(80, "k1", "7b", "Ben")}
	if err := s.PullAll(t.Context(), sink); err != nil {
		t.Fatal(err)
	}
	for _, n := range []uint64{90, 80, 0, 4} { // 4: the cloud was restored from a backup
		if err := s.CheckNewest(n); err != nil {
			t.Fatal(err)
		}
		again := &pageSink{memorySink: newMemorySink(), page: cloud.Page{Next: 80}}
		if err := s.PullAll(t.Context(), again); err != nil || again.asked[0] != map[bool]uint64{true: 80}[n != 4] {
			t.Errorf("%d: %v, asked for %v", n, err, again.asked)
		}
	}
}

func TestANewLinkResetsOnlyTheCursors(t *testing.T) {
	s, sink := newSchoolFixture(t, t.TempDir()), newMemorySink()
	sink.items = []cloud.Item{classItem(80, "k1", "7b", "Ben"), quizItem(81, "math", "Fractions")}
	if err := s.PullAll(t.Context(), sink); err != nil {
		t.Fatal(err)
	}
	want := s.describe()
	if err := s.ResetCursors(); err != nil {
		t.Fatal(err)
	}
	sink.items = []cloud.Item{classItem(1, "x1", "7b", "Ben"), quizItem(2, "math", "Fractions")} // of another school
	if err := s.PullAll(t.Context(), sink); err != nil {
		t.Fatal(err)
	}
	want[0] = "7b x1 Ben/x1-0/0"
	if diff := cmp.Diff(want, s.describe()); diff != "" {
		t.Error(diff)
	}
}

func TestAnEmptyDownlinkDoesNothing(t *testing.T) {
	d := newEmptyDownlink()
	if err := errors.Join(d.PullAll(t.Context(), nil), d.CheckNewest(0), d.ResetCursors()); err != nil {
		t.Error(err)
	}
}

// randomItems returns items of all kinds. Some are invalid.
func randomItems(r *rand.Rand, count int) (list []cloud.Item) {
	n := uint64(0)
	for range count {
		n += 1 + r.Uint64N(3)
		id := fmt.Sprint("k", r.IntN(4))
		var it cloud.Item
		switch r.IntN(6) {
		case 0, 1:
			it = classItem(n, id, fmt.Sprint("Class ", r.IntN(5)), fmt.Sprint("Name ", r.IntN(9)), fmt.Sprint("Other ", r.IntN(9)))
			it.Gone = r.IntN(6) == 0
		case 2, 3:
			it = quizItem(n, id, fmt.Sprint("Quiz ", r.IntN(9)))
			it.Gone = r.IntN(6) == 0
		case 4:
			it = eraseItem(n, "p_"+strings.Repeat(string(rune('a'+r.IntN(26))), 13))
		default:
			it = cloud.Item{N: n, Kind: cloud.ItemClass, ID: id, Data: json.RawMessage(`{"name":[]}`)}
		}
		list = append(list, it)
	}
	return list
}

// failingSink fails some exchanges and some of the box's own work.
type failingSink struct {
	*memorySink
	r *rand.Rand
}

func (f *failingSink) Pull(ctx context.Context, since uint64, most int) (cloud.Page, error) {
	if f.r.IntN(3) == 0 {
		return cloud.Page{}, errCut
	}
	return f.memorySink.Pull(ctx, since, 1+f.r.IntN(most))
}

// TestItemsCutAtAnyPointGiveTheSameResult stops the work at an item or between two transactions, and
// restarts the box, until all items are applied.
func TestItemsCutAtAnyPointGiveTheSameResult(t *testing.T) {
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 7))
		sink := newMemorySink()
		sink.items = randomItems(r, 120)
		straight := newSchoolFixture(t, t.TempDir())
		if err := straight.PullAll(t.Context(), sink); err != nil {
			t.Fatal(err)
		}
		cut, last := newSchoolFixture(t, t.TempDir()), sink.items[len(sink.items)-1].N
		for cuts := 0; ; cuts++ {
			a, _ := cut.Roster.DownCursor()
			b, _ := cut.Library.DownCursor()
			if min(a, b) == last {
				t.Logf("%d cuts", cuts)
				break
			}
			ctx, cancel := context.WithCancel(t.Context())
			left := r.IntN(8)
			at := func() {
				if left--; left < 0 {
					cancel()
				}
			}
			cut.Note = func(cloud.Note) error { at(); return nil }
			cut.Erase = func(_ context.Context, pupil string) error {
				if at(); left < 0 && r.IntN(2) == 0 {
					return errCut
				}
				cut.erased[pupil] = true
				return nil
			}
			err := cut.PullAll(ctx, &failingSink{sink, r})
			cancel()
			if err != nil && errs.KindOf(err) != errs.Down {
				t.Fatal(err)
			}
			cut.close()
			cut.open()
		}
		if diff := cmp.Diff(straight.describe(), cut.describe()); diff != "" {
			t.Error(diff)
		}
	}
}

// FuzzItem sends a box any item. The box applies it or writes a note, and applies the next one. It
// forgets only pupils with a valid id.
func FuzzItem(f *testing.F) {
	for _, it := range []cloud.Item{
		classItem(1, "k1", "7b", "Ben"), quizItem(1, "k1", "Fractions"), eraseItem(1, pupilID), eraseItem(1, "a"),
		{Kind: cloud.ItemPolicy, Data: json.RawMessage(`{"chat":true}`)},
		{Kind: "x"},
		pictureItem(1, newPicture(1)),
		{Kind: cloud.ItemPicture, ID: "00000000000000000000000000000000.png", Data: json.RawMessage(`{"data":"AAAA"}`)},
		{Kind: cloud.ItemClass, ID: "k1", Data: json.RawMessage(`{"name":"a","pupils":[{"id":"1","name":"A","time":1e999}]}`)},
		{Kind: cloud.ItemQuiz, ID: "k1", Data: json.RawMessage(`{"title":"\u0000","items":[null]}`)},
	} {
		f.Add(it.Kind, it.ID, []byte(it.Data), it.Gone)
	}
	s := newSchoolFixture(f, f.TempDir())
	n := uint64(0)
	f.Fuzz(func(t *testing.T, kind, id string, data []byte, gone bool) {
		s.notes = nil
		clear(s.erased)
		s.t = t
		sink := newMemorySink()
		sink.items = []cloud.Item{{N: n + 1, Kind: kind, ID: id, Data: data, Gone: gone}, classItem(n+2, "last", "Last", "Ben")}
		n += 2
		if err := s.PullAll(t.Context(), sink); err != nil {
			t.Fatal(err)
		}
		if at, err := s.Roster.DownCursor(); at != n || err != nil {
			t.Fatalf("the cursor is %d of %d, %v", at, n, err)
		}
		for pupil := range s.erased {
			if len(pupil) != 15 {
				t.Fatalf("%q is forgotten", pupil)
			}
		}
		s.describe()
	})
}
