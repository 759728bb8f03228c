package cloud

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/livelearn/box/services/event"
)

// Nobody takes the place of an erased pupil's id.
const Nobody = "erased"

// Forget takes a pupil out of a fact of this package's stream: out of a class list, name and
// all, and out of grades. It tells whether the fact named the pupil.
func Forget(e *event.Event, pupil string) bool {
	id := strconv.AppendQuote(nil, pupil)
	if !bytes.Contains(e.Data, id) {
		return false
	}
	switch e.Kind {
	case Listed:
		var l Listing
		if json.Unmarshal(e.Data, &l) == nil {
			l.Pupils = slices.DeleteFunc(l.Pupils, func(p ListedPupil) bool { return p.ID == pupil })
			e.Data = marshal(l)
		}
	case Graded:
		var g Grades
		if json.Unmarshal(e.Data, &g) == nil {
			g.Pupils = slices.DeleteFunc(g.Pupils, func(s Standing) bool { return s.Pupil == pupil })
			e.Data = marshal(g)
		}
	}
	e.Data = bytes.ReplaceAll(e.Data, id, strconv.AppendQuote(nil, Nobody))
	return true
}

// ownName is a class list as one of its pupils may see it.
func ownName(e event.Event, v event.Viewer) json.RawMessage {
	var l Listing
	if v.Staff() || json.Unmarshal(e.Data, &l) != nil {
		return e.Data
	}
	l.Pupils = slices.DeleteFunc(l.Pupils, func(p ListedPupil) bool { return p.ID != v.User })
	return marshal(l)
}

// ownMarks are grades as one of the pupils may see them.
func ownMarks(e event.Event, v event.Viewer) json.RawMessage {
	var g Grades
	if v.Staff() || json.Unmarshal(e.Data, &g) != nil {
		return e.Data
	}
	g.Pupils = slices.DeleteFunc(g.Pupils, func(s Standing) bool { return s.Pupil != v.User })
	return marshal(g)
}
