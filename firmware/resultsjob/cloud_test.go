package resultsjob_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/livelearn/box/firmware/resultsjob"
	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/batch"
	"github.com/livelearn/box/services/cloud/cloudtest"
	"github.com/livelearn/box/services/cloud/pg"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/quiz"
	"github.com/livelearn/box/services/results"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/roster"
)

const lessonStart = int64(1_790_000_000_000)

// lessonTape has the facts of one random lesson.
type lessonTape struct {
	stream string
	facts  []event.Event
	seq    *uint64
	mono   int64
}

func (l *lessonTape) add(by string, kind event.Kind, data string) {
	*l.seq++
	l.mono += 1000
	l.facts = append(l.facts, event.Event{
		Stream: l.stream, Epoch: 1, Seq: *l.seq, Kind: kind, By: by, Data: json.RawMessage(data),
		Stamp: event.Stamp{Boot: 1, Mono: l.mono, Wall: lessonStart + l.mono, Trusted: true},
	})
}

// play plays a lesson: a third of the pupils stays away, and each other one answers some questions.
func (l *lessonTape) play(rnd *rand.Rand, id string, pupils []string) {
	l.add("t1", room.LessonStarted, fmt.Sprintf(`{"lesson":%q,"title":"Lesson %s"}`, id, id))
	items, n := "", 1+rnd.IntN(5)
	for i := range n {
		if i > 0 {
			items += ","
		}
		items += fmt.Sprintf(`{"id":"q%d","kind":"single","title":"","text":"Question %d","options":[{"id":"a","text":"1"},{"id":"b","text":"2"}],"points":%d,"key":{"weights":{"a":1,"b":%g}}}`,
			i, i, 1+rnd.IntN(3), float64(rnd.IntN(3))/4)
	}
	l.add("t1", quiz.Loaded, `{"id":"z1","title":"Quiz","speed":false,"paced":"teacher","board":false,"items":[`+items+`]}`)
	var here []string
	for _, p := range pupils {
		if rnd.IntN(3) > 0 {
			here = append(here, p)
			l.add(p, room.Arrived, `{}`)
		}
	}
	for i := range n {
		l.add("t1", quiz.Opened, fmt.Sprintf(`{"round":%d,"items":[{"id":"q%d","kind":"single","title":"","text":"Question %d","options":[{"id":"a","text":"1"},{"id":"b","text":"2"}],"points":1}],"index":%d,"of":%d,"seconds":0,"paced":"teacher"}`, i+1, i, i, i, n))
		for _, p := range here {
			if rnd.IntN(4) > 0 {
				l.add(p, quiz.Answered, fmt.Sprintf(`{"round":%d,"item":"q%d","response":{"options":[%q]},"took":%d}`, i+1, i, string(rune('a'+rnd.IntN(2))), rnd.IntN(9000)))
			}
		}
		l.add("t1", quiz.Revealed, fmt.Sprintf(`{"round":%d,"shown":true}`, i+1))
	}
	l.add("t1", room.LessonEnded, fmt.Sprintf(`{"lesson":%q}`, id))
}

// TestTheCloudHasTheResultsOfTheBoxes plays 100 random lessons on two boxes, which have the pupils
// of one list under ids of their own. The boxes' own results are what the views must show.
func TestTheCloudHasTheResultsOfTheBoxes(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts a Postgres")
	}
	store, err := pg.Open(t.Context(), cloudtest.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := store.AddSchool(t.Context(), "School", cloud.Policy{Names: true}); err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	type score struct{ points, answered float64 }
	want, lessons := map[string]score{}, map[string]results.Results{} // by the school's own id; by lesson
	for _, box := range []string{"one", "two"} {
		if _, err := store.AddDirect(t.Context(), "School", box, ""); err != nil {
			t.Fatal(err)
		}
		b := batch.Batch{Box: box, Incarnation: 1}
		add := func(e event.Event) {
			b.To++
			b.Facts = append(b.Facts, batch.Fact{
				Pos: b.To, Stream: e.Stream, Epoch: e.Epoch, Seq: e.Seq, Kind: string(e.Kind), Version: 1, By: e.By, ID: fmt.Sprint("c", b.To),
				Boot: e.Stamp.Boot, Mono: e.Stamp.Mono, Wall: e.Stamp.Wall, Trusted: true, Data: e.Data,
			})
		}
		class, names := "c_"+box, map[string]string{}
		list := cloud.Listing{Class: class, Name: "7b", Source: "k-1"}
		var pupils []string
		for i := range 8 {
			p := fmt.Sprintf("p_%s_%d", box, i)
			pupils, names[p] = append(pupils, p), fmt.Sprint("Pupil ", i)
			list.Pupils = append(list.Pupils, cloud.ListedPupil{ID: p, Name: names[p], Source: fmt.Sprint("u-", i)})
		}
		reports, seq := uint64(0), uint64(0)
		report := func(kind event.Kind, v any) {
			data, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			reports++
			add(event.Event{Stream: "report@" + box, Epoch: 1, Seq: reports, Kind: kind, Data: data, Stamp: event.Stamp{Boot: 1, Mono: int64(b.To) + 1, Wall: lessonStart + int64(b.To)}})
		}
		report(cloud.Listed, list)
		for n := range 50 {
			id := fmt.Sprintf("l_%s_%d", box, n)
			l := &lessonTape{stream: "room:" + class, seq: &seq, mono: int64(n) * 3_600_000}
			l.play(rnd, id, pupils)
			fold := results.New(results.Meta{Lesson: id, Room: class, Class: class, ClassName: "7b", Title: "Lesson " + id, Started: lessonStart, Names: names})
			for _, e := range l.facts {
				fold.Add(e)
				add(e)
			}
			made := fold.Results()
			lessons[id] = made
			for _, p := range made.Pupils {
				s := want["u-"+p.User[len(p.User)-1:]]
				for _, a := range p.Items {
					s.points, s.answered = s.points+a.Points, s.answered+1
				}
				want["u-"+p.User[len(p.User)-1:]] = s
			}
			report(cloud.Graded, resultsjob.BuildGrades(roster.Lesson{ID: id, Room: class, Class: class, ClassName: "7b", Title: "Lesson " + id, Started: lessonStart, Ended: lessonStart + 1}, made))
		}
		if got, err := store.Ingest(t.Context(), box, &b); err != nil || got.Stored != len(b.Facts) {
			t.Fatalf("got %+v, %v", got, err)
		}
	}
	rows := 0
	have := map[string]score{}
	for r, err := range store.Results(t.Context(), pg.Period{}) {
		if err != nil {
			t.Fatal(err)
		}
		rows++
		own := lessons[r.Lesson]
		for _, p := range own.Pupils {
			if p.User != r.Pupil {
				continue
			}
			a, ok := p.Items[r.Item]
			if ok != r.Answered || p.Absent == r.Present || p.Name != r.Name || math.Abs(a.Points-r.Points) > 1e-9 || math.Abs(a.Fraction-r.Fraction) > 1e-9 {
				t.Fatalf("%s %s %s: the box has %+v (absent %v), the cloud %+v", r.Lesson, r.Pupil, r.Item, a, p.Absent, r)
			}
		}
		if r.Answered {
			s := have[r.Person]
			have[r.Person] = score{s.points + r.Points, s.answered + 1}
		}
	}
	n := 0
	for r, err := range store.Attendance(t.Context(), pg.Period{}) {
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range lessons[r.Lesson].Attendance {
			if p.User == r.Pupil {
				if n++; p.MS != r.Stay.Milliseconds() || p.Absent != r.Came.IsZero() {
					t.Fatalf("%s: the box has %+v, the cloud %+v", r.Lesson, p, r)
				}
			}
		}
		for _, p := range lessons[r.Lesson].Pupils {
			if p.User == r.Pupil && (len(p.Items) != r.Answered || math.Abs(p.Score-r.Points) > 0.01) {
				t.Fatalf("%s: the box has %+v, the cloud %+v", r.Lesson, p, r)
			}
		}
	}
	if rows < 800 || n != 800 || len(have) != 8 {
		t.Errorf("%d results, %d presences, %d persons", rows, n, len(have))
	}
	for person, s := range want {
		if got := have[person]; got.answered != s.answered || math.Abs(got.points-s.points) > 1e-6 {
			t.Errorf("%s has %+v, want %+v of both boxes", person, got, s)
		}
	}
}
