package quiz

import (
	"encoding/json"
	"fmt"

	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/room"
)

// loaded is the payload of quiz.loaded. Add keeps what was loaded before and its order:
// the items are asked on the spot.
type loaded struct {
	ID    string          `json:"id"`
	Title string          `json:"title"`
	Speed bool            `json:"speed"`
	Paced string          `json:"paced"`
	Board bool            `json:"board"`
	Add   bool            `json:"add,omitempty"`
	Items []item.Authored `json:"items"`
}

// opened is the payload of quiz.opened.
type opened struct {
	Round   int         `json:"round"`
	Items   []item.Item `json:"items"` // without keys
	Index   int         `json:"index"`
	Of      int         `json:"of"`
	Seconds int         `json:"seconds"`
	Paced   string      `json:"paced"`
}

// answered is the payload of quiz.answered; the command has no took.
type answered struct {
	room.ID
	Round    int           `json:"round"`
	Item     string        `json:"item"`
	Response item.Response `json:"response"`
	Took     int64         `json:"took"` // ms
}

// rounded is the payload of commands and facts that move a round.
type rounded struct {
	room.ID
	Round int   `json:"round"`
	On    bool  `json:"on,omitempty"`
	Left  int64 `json:"left,omitempty"` // ms of the plain time limit that were left; -1: none
}

// told is the payload of quiz.revealed and quiz.regraded. Staff see all of it; others
// see the keys, the counts, and of Marks and Scores their own, as Mine and Score.
type told struct {
	Round    int                           `json:"round"`
	Item     string                        `json:"item,omitempty"` // of a regrade
	Key      *authoredKey                  `json:"key,omitempty"`  // of a regrade, for staff
	Shown    bool                          `json:"shown"`          // pupils may see it
	Keys     map[string]item.Revealed      `json:"keys,omitempty"`
	Counts   map[string]map[string]int     `json:"counts,omitempty"`
	Answered map[string]int                `json:"answered,omitempty"`
	Marks    map[string]map[string]float64 `json:"marks,omitempty"` // by user, by item: 0 to 1
	Scores   map[string]float64            `json:"scores,omitempty"`
	Mine     map[string]float64            `json:"mine,omitempty"`
	Score    float64                       `json:"score"`
	Max      float64                       `json:"max"`
}

// authoredKey carries a key into a fact on purpose, as item.Authored does.
type authoredKey struct{ item.Key }

// MarshalJSON writes the key as item.Authored writes it.
func (k authoredKey) MarshalJSON() ([]byte, error) {
	data, err := json.Marshal(item.Authored{Key: k.Key})
	if err != nil {
		return nil, err
	}
	var parts struct{ Key json.RawMessage }
	if err := json.Unmarshal(data, &parts); err != nil {
		return nil, fmt.Errorf("quiz: %w", err)
	}
	return parts.Key, nil
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (k *authoredKey) UnmarshalJSON(data []byte) error {
	var a item.Authored
	if err := json.Unmarshal(fmt.Appendf(nil, `{"key":%s}`, data), &a); err != nil {
		return err
	}
	k.Key = a.Key
	return nil
}

type starred struct {
	room.ID
	Round    int           `json:"round"`
	Item     string        `json:"item"`
	N        int           `json:"n"`
	Response item.Response `json:"response"`
	On       bool          `json:"on"`
}

type rankedList struct {
	On   bool     `json:"on"`
	List []ranked `json:"list"`
}

type allowed struct {
	room.ID
	User   string  `json:"user"`
	Factor float64 `json:"factor"`
}

func staff(event.Event) event.Audience { return event.Viewer.Staff }

func seeAllowed(e event.Event) event.Audience {
	var a allowed
	known := json.Unmarshal(e.Data, &a) == nil
	return func(v event.Viewer) bool { return v.Staff() || known && a.User == v.User }
}

// seeRegraded shows a changed key to pupils only when they had seen the first one.
func seeRegraded(e event.Event) event.Audience {
	var t told
	if json.Unmarshal(e.Data, &t) == nil && t.Shown {
		return nil
	}
	return event.Viewer.Staff
}

// forViewer is what a pupil or a screen is told of a reveal: never another's mark.
func forViewer(e event.Event, v event.Viewer) json.RawMessage {
	if v.Staff() {
		return e.Data
	}
	var t told
	room.Payload(e, &t)
	t.Mine, t.Score = t.Marks[v.User], t.Scores[v.User]
	t.Marks, t.Scores, t.Key = nil, nil, nil
	data, err := json.Marshal(t)
	if err != nil {
		panic(fmt.Sprintf("quiz: %v", err)) // our own type
	}
	return data
}
