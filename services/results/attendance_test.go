package results

import (
	"testing"

	"github.com/livelearn/box/services/chat"
)

func TestTimePresentIsTheSumOfAllStays(t *testing.T) {
	r := newFactTape().lesson().came("p1").wait(10 * minute).went("p1").wait(5 * minute).came("p1").wait(7 * minute).end().results()
	a, _ := r.pupil(t, "p1")
	if a.MS != 17*minute || a.Times != 2 || a.Came != start || a.Absent {
		t.Errorf("got %+v", a)
	}
}

func TestWhoNeverCameIsAbsent(t *testing.T) {
	r := newFactTape().lesson().came("p1").wait(minute).end().results()
	a, p := r.pupil(t, "p3")
	if !a.Absent || !p.Absent || a.MS != 0 || a.Came != 0 || a.Name != "Dan" {
		t.Errorf("got %+v, %+v", a, p)
	}
	if len(r.Attendance) != 3 {
		t.Errorf("%d pupils", len(r.Attendance))
	}
}

func TestAStayThatNobodySawTheEndOfEndsWithTheLastFact(t *testing.T) {
	tp := newFactTape().lesson().came("p1").came("p2").wait(10*minute).add("p1", chat.Said, `{"text":"hello","to":"all"}`)
	tp.wait(20 * minute).crash(3 * minute).came("p2").wait(6 * minute).end()
	r := tp.results()
	gone, _ := r.pupil(t, "p1")
	back, _ := r.pupil(t, "p2")
	if gone.MS != 10*minute || gone.Times != 1 {
		t.Errorf("who did not come back: %+v", gone)
	}
	if back.MS != 16*minute || back.Times != 2 {
		t.Errorf("who came back: %+v", back)
	}
}

// The room leaves memory when it gets no message, and its people stay.
func TestARestartOfTheRoomAloneEndsNoStay(t *testing.T) {
	r := newFactTape().lesson().came("p1").wait(25 * minute).restart().came("p1").wait(5 * minute).end().results()
	a, _ := r.pupil(t, "p1")
	if a.MS != 30*minute || a.Times != 1 {
		t.Errorf("got %+v", a)
	}
	r = newFactTape().lesson().came("p1").came("p2").wait(10 * minute).restart().came("p1").wait(5 * minute).came("p2").wait(minute).end().results()
	if a, _ := r.pupil(t, "p2"); a.MS != minute || a.Times != 2 {
		t.Errorf("who came back five minutes later: %+v", a)
	}
}

func TestAClockThatIsSetChangesNoTimePresent(t *testing.T) {
	tp := newFactTape().lesson().came("p1").wait(10 * minute)
	tp.boots += 5000 * 24 * 60 * minute // the teacher's browser sets the clock
	a, _ := tp.went("p1").end().results().pupil(t, "p1")
	if a.MS != 10*minute {
		t.Errorf("got %+v", a)
	}
}

func TestALessonThatStillRunsCountsUpToItsLastFact(t *testing.T) {
	a, _ := newFactTape().lesson().came("p1").wait(4*minute).came("p2").results().pupil(t, "p1")
	if a.MS != 4*minute {
		t.Errorf("got %+v", a)
	}
}
