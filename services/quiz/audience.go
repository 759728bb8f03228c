package quiz

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/room"
)

func staffOnly(event.Event) event.Audience { return event.Viewer.IsStaff }

func seeAllowed(e event.Event) event.Audience {
	var a AllowedData
	known := json.Unmarshal(e.Data, &a) == nil
	return func(v event.Viewer) bool { return v.IsStaff() || known && a.User == v.User }
}

// seeRegraded shows a changed key to pupils only if they have seen the first one.
func seeRegraded(e event.Event) event.Audience {
	var t RevealedData
	if json.Unmarshal(e.Data, &t) == nil && t.Shown {
		return nil
	}
	return event.Viewer.IsStaff
}

// answerForViewer leaves the strokes out of what a teacher gets when pupils draw: the drawings of a
// class at once would fill the teacher's queue.
func answerForViewer(e event.Event, v event.Viewer) json.RawMessage {
	if e.By == v.User || v.Role == event.Operator || !bytes.Contains(e.Data, []byte(`"strokes"`)) {
		return e.Data
	}
	var in AnsweredData
	room.DecodePayload(e, &in)
	in.Response.Strokes, in.Drawn = nil, len(in.Response.Strokes) > 0
	return mustEncode(in)
}

// forViewer is the payload of a reveal for a viewer. Pupils and screens get no mark of others.
func forViewer(e event.Event, v event.Viewer) json.RawMessage {
	if v.IsStaff() {
		return e.Data
	}
	var t RevealedData
	room.DecodePayload(e, &t)
	t.Mine, t.Score = t.Marks[v.User], t.Scores[v.User]
	t.Marks, t.Scores, t.Key = nil, nil, nil
	return mustEncode(t)
}

func mustEncode(payload any) json.RawMessage {
	data, err := json.Marshal(payload)
	if err != nil {
		panic(fmt.Sprintf("quiz: %v", err)) // our own type
	}
	return data
}
