package quiz

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/quiz/item"
)

// eraseAnswered remembers the answers of the erased pupil: a teacher may have starred one.
func eraseAnswered(x event.Erasure, e event.Event) (json.RawMessage, bool) {
	var in AnsweredData
	if e.By == x.User && json.Unmarshal(e.Data, &in) == nil {
		x.Written[answerKey(in.Round, in.Item, in.Response)] = true
		x.Written[wallKey(in.Round, in.Item, in.Response.Text)] = true
	}
	return e.Data, false
}

// eraseStarred empties the star of an answer that the erased pupil gave.
func eraseStarred(x event.Erasure, e event.Event) (json.RawMessage, bool) {
	var in StarredData
	if json.Unmarshal(e.Data, &in) != nil || !x.Written[answerKey(in.Round, in.Item, in.Response)] {
		return e.Data, false
	}
	return json.RawMessage("null"), true
}

// answerKey is equal for an answer and its star.
func answerKey(round int, id string, r item.Response) string {
	return fmt.Sprintf("%d %s %s", round, id, mustEncode(r))
}

// wallKey is equal for a written answer and its entry on the wall.
func wallKey(round int, id, text string) string {
	return fmt.Sprintf("wall %d %s %s", round, id, item.FoldText(text))
}

// eraseWalled takes the erased pupil out of the count of an answer. An answer that only this pupil
// gave goes.
var eraseWalled = event.EraseIn(func(x event.Erasure, p *WalledData) bool {
	found := false
	for i := range p.List {
		if x.Written[wallKey(p.Round, p.Item, p.List[i].Text)] {
			p.List[i].N--
			found = true
		}
	}
	p.List = slices.DeleteFunc(p.List, func(w WallEntry) bool { return w.N < 1 })
	return found
})

var eraseHidden = event.EraseIn(func(x event.Erasure, p *HiddenData) bool { return x.Rename(&p.User) })

var eraseRevealed = event.EraseIn(func(x event.Erasure, p *RevealedData) bool {
	marks, scores, pins := event.RenameKey(x, p.Marks), event.RenameKey(x, p.Scores), erasePins(x, p)
	return marks || scores || pins
})

// erasePins takes the places that the erased pupil chose out of a reveal.
func erasePins(x event.Erasure, p *RevealedData) bool {
	found := false
	for id, list := range p.Pins {
		p.Pins[id] = slices.DeleteFunc(list, func(at item.Place) bool {
			gone := x.Written[answerKey(p.Round, id, item.Response{Pin: &at})]
			found = found || gone
			return gone
		})
	}
	return found
}

var eraseRanked = event.EraseIn(func(x event.Erasure, p *RankedData) bool {
	found := false
	for i := range p.List {
		found = x.Rename(&p.List[i].User) || found
	}
	return found
})

var eraseAllowed = event.EraseIn(func(x event.Erasure, p *AllowedData) bool { return x.Rename(&p.User) })
