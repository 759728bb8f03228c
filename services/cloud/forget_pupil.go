package cloud

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/livelearn/box/services/event"
)

// ErasedID takes the place of an erased pupil's id.
const ErasedID = "erased"

// ForgetPupil removes a pupil from a fact of this package's stream. It deletes the pupil's entry
// in class lists and grades, and replaces other mentions with ErasedID. It reports whether the
// fact named the pupil.
func ForgetPupil(e *event.Event, pupil string) bool {
	id := strconv.AppendQuote(nil, pupil)
	if !bytes.Contains(e.Data, id) {
		return false
	}
	switch e.Kind {
	case Listed:
		var l Listing
		if json.Unmarshal(e.Data, &l) == nil {
			l.Pupils = slices.DeleteFunc(l.Pupils, func(p ListedPupil) bool { return p.ID == pupil })
			e.Data = mustMarshal(l)
		}
	case Graded:
		var g Grades
		if json.Unmarshal(e.Data, &g) == nil {
			g.Pupils = slices.DeleteFunc(g.Pupils, func(s PupilGrades) bool { return s.Pupil == pupil })
			e.Data = mustMarshal(g)
		}
	}
	e.Data = bytes.ReplaceAll(e.Data, id, strconv.AppendQuote(nil, ErasedID))
	return true
}

// keepOwnEntry reduces a class list to the viewer's own entry. Staff get all entries.
func keepOwnEntry(e event.Event, v event.Viewer) json.RawMessage {
	var l Listing
	if v.IsStaff() || json.Unmarshal(e.Data, &l) != nil {
		return e.Data
	}
	l.Pupils = slices.DeleteFunc(l.Pupils, func(p ListedPupil) bool { return p.ID != v.User })
	return mustMarshal(l)
}

// keepOwnMarks reduces grades to the viewer's own entry. Staff get all entries.
func keepOwnMarks(e event.Event, v event.Viewer) json.RawMessage {
	var g Grades
	if v.IsStaff() || json.Unmarshal(e.Data, &g) != nil {
		return e.Data
	}
	g.Pupils = slices.DeleteFunc(g.Pupils, func(s PupilGrades) bool { return s.Pupil != v.User })
	return mustMarshal(g)
}
