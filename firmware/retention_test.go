package firmware

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/livelearn/box/firmware/datafolder"
	"github.com/livelearn/box/firmware/retention"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/roster"
)

const day = 24 * time.Hour

// setClock lets the bubble's clock, which begins in 2000, come to a year that a box can be in.
func setClock(t *testing.T) {
	t.Helper()
	if retention.IsPlausibleTime(time.Now()) {
		t.Fatal("the clock of a test is taken for one that was set")
	}
	time.Sleep(28 * 365 * day)
}

// gone are the kinds of facts of the room whose payloads are empty.
func (p *pastLesson) gone() map[event.Kind]bool {
	out := map[event.Kind]bool{}
	for kind, e := range p.facts() {
		if retention.IsRedacted(e) {
			out[kind] = true
		}
	}
	return out
}

// keep runs retention for a while.
func (p *pastLesson) keep(d time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	if err := p.retention().Serve(ctx); err != nil {
		p.t.Error(err)
	}
}

func TestChatGoesAfterAMonthAndResultsAfterASchoolYear(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		setClock(t)
		p := openPast(t, dir)
		defer p.end()
		p.hold()
		p.busy()
		if _, _, err := p.roster.EndLesson(p.lesson.ID); err != nil {
			t.Fatal(err)
		}
		folder := filepath.Join(dir, datafolder.ResultsDir, p.lesson.ID)
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		check := func(chat, answers bool) {
			t.Helper()
			got := p.gone()
			if got["chat.said"] != chat || got["quiz.answered"] != answers || got["room.came"] != answers {
				t.Errorf("gone are %v", got)
			}
			_, err := os.Stat(folder)
			past, _ := p.roster.PastLessons()
			if (err != nil) != answers || (len(past) == 0) != answers {
				t.Errorf("the results: %v, %+v", err, past)
			}
		}
		p.keep(29 * day)
		check(false, false)
		p.keep(3 * day)
		check(true, false)
		p.keep(420 * day)
		check(true, false)
		p.keep(10 * day)
		check(true, true)
		f := p.facts()
		if retention.IsRedacted(f[room.LessonStarted]) {
			t.Error("a room could not be rebuilt: the start of the lesson is gone")
		}
		if e := f["chat.said"]; e.By == "" || e.Kind != "chat.said" {
			t.Errorf("the fact lost more than its payload: %+v", e)
		}
	})
}

func TestAClockThatWasNotSetDeletesNothing(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		p := openPast(t, dir)
		defer p.end()
		p.hold()
		p.busy()
		p.keep(600 * day) // of the year 2000
		if got := p.gone(); len(got) != 0 {
			t.Errorf("gone are %v", got)
		}
	})
}

func TestTheAdminSaysHowLongChatIsKept(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		setClock(t)
		p := openPast(t, dir)
		defer p.end()
		p.hold()
		p.busy()
		if _, err := p.roster.ChangeSettings(roster.SettingsChange{ChatDays: new(3)}); err != nil {
			t.Fatal(err)
		}
		p.keep(5 * day)
		if got := p.gone(); !got["chat.said"] || got["quiz.answered"] {
			t.Errorf("gone are %v", got)
		}
	})
}

// A box without a battery begins its lessons in 1970, until a teacher's browser sets the
// clock.
func TestFactsOfAClockThatWasNotSetAreAsOldAsTheNext(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		setClock(t)
		p := openPast(t, dir)
		defer p.end()
		p.hold()
		p.addAt("p1", "chat.said", `{"text":"early","to":"all"}`, time.UnixMilli(60_000))
		p.add("p1", room.Arrived, `{}`)
		p.keep(20 * day)
		if got := p.gone(); got["chat.said"] {
			t.Error("what was said in 1970 is 20 days old and gone")
		}
		p.keep(12 * day)
		if got := p.gone(); !got["chat.said"] {
			t.Error("what was said in 1970 is 32 days old and there")
		}
		p.addAt("p1", "chat.said", `{"text":"late","to":"all"}`, time.UnixMilli(60_000))
		p.keep(400 * day)
		if got := p.gone(); got["chat.said"] {
			t.Error("nothing tells how old the last one is, and it is gone")
		}
	})
}

func TestAClockThatLeapsByMonthsMustLastForADay(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		setClock(t)
		p := openPast(t, dir)
		defer p.end()
		p.hold()
		p.add("p1", "chat.said", `{"text":"x","to":"all"}`)
		time.Sleep(200 * day)
		p.keep(23 * time.Hour)
		if got := p.gone(); got["chat.said"] {
			t.Error("the clock has leapt, and the chat is gone")
		}
		p.keep(25 * time.Hour)
		if got := p.gone(); !got["chat.said"] {
			t.Error("the clock shows the same for a day, and the chat is there")
		}
	})
}

func TestARoomIsRebuiltWithoutWhatIsGone(t *testing.T) {
	dir := t.TempDir()
	p := openPast(t, dir)
	defer p.end()
	p.hold()
	p.busy()
	_, err := p.journal.Rewrite(t.Context(), room.StreamOf(p.class.ID), room.LessonStarted, func(e *event.Event) bool {
		e.Data = json.RawMessage("null")
		return e.Kind != room.LessonStarted
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.rooms.Serve(ctx) }()
	_, err = p.rooms.Call(t.Context(), p.class.ID, room.Message{Name: "lesson.end", By: event.Viewer{User: "t_1", Role: event.Teacher}, Data: json.RawMessage(`{}`)})
	if err != nil {
		t.Error(err)
	}
	cancel()
	<-done
}
