package quiz

import (
	"encoding/json"
	"fmt"

	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/room"
)

// LoadRequest is the payload of the box's command quiz.load.
type LoadRequest struct {
	room.ID
	Quiz item.Quiz `json:"quiz"`
}

// LoadedData is the payload of quiz.loaded. Add keeps what was loaded before and its order:
// the items are asked on the spot.
type LoadedData struct {
	ID    string          `json:"id"`
	Title string          `json:"title"`
	Speed bool            `json:"speed"`
	Paced string          `json:"paced" enum:",teacher,pupil"`
	Board bool            `json:"board"`
	Add   bool            `json:"add,omitempty" doc:"to what was loaded"`
	Items []item.Authored `json:"items" doc:"with keys"`
}

// AskRequest is the payload of quiz.ask: the item is added and opened.
type AskRequest struct {
	room.ID
	Item item.Authored `json:"item" doc:"with its key"`
}

// PaceRequest is the payload of quiz.pace.
type PaceRequest struct {
	room.ID
	Paced string `json:"paced" enum:"teacher,pupil"`
}

// PacedData is the payload of quiz.paced.
type PacedData struct {
	Paced string `json:"paced" enum:"teacher,pupil"`
}

// OpenRequest is the payload of quiz.open. Without items the quiz opens the next ones.
type OpenRequest struct {
	room.ID
	Items   []string `json:"items" contract:"optional"`
	Seconds *int     `json:"seconds" contract:"optional"`
}

// OpenedData is the payload of quiz.opened.
type OpenedData struct {
	Round   int         `json:"round"`
	Items   []item.Item `json:"items" doc:"without keys"`
	Index   int         `json:"index"`
	Of      int         `json:"of"`
	Seconds int         `json:"seconds"`
	Paced   string      `json:"paced" enum:"teacher,pupil"`
}

// NextRequest is the payload of quiz.next.
type NextRequest struct {
	room.ID
	Round int    `json:"round"`
	State string `json:"state" enum:"ready,open,locked,revealed"`
}

// AnswerRequest is the payload of quiz.answer.
type AnswerRequest struct {
	room.ID
	Round    int           `json:"round"`
	Item     string        `json:"item"`
	Response item.Response `json:"response"`
	Took     int64         `json:"took" contract:"-"` // refused: the box measures it
}

// AnsweredData is the payload of quiz.answered.
type AnsweredData struct {
	Round    int           `json:"round"`
	Item     string        `json:"item"`
	Response item.Response `json:"response"`
	Took     int64         `json:"took" doc:"ms"` // since the round was opened, pauses not counted
	Drawn    bool          `json:"drawn,omitempty" doc:"teachers: its strokes come by look"`
}

// PauseRequest is the payload of quiz.pause.
type PauseRequest struct {
	room.ID
	Round int   `json:"round"`
	On    bool  `json:"on,omitempty"`
	Left  int64 `json:"left,omitempty" contract:"-"` // ignored
}

// PausedData is the payload of quiz.paused.
type PausedData struct {
	Round int   `json:"round"`
	On    bool  `json:"on,omitempty"`
	Left  int64 `json:"left,omitempty" doc:"ms of the plain time limit; -1: no limit"`
}

// ExtendRequest is the payload of quiz.extend.
type ExtendRequest struct {
	room.ID
	Round   int `json:"round"`
	Seconds int `json:"seconds" doc:"more, 5 to 600"`
}

// ExtendedData is the payload of quiz.extended.
type ExtendedData struct {
	Round   int   `json:"round"`
	Seconds int   `json:"seconds" doc:"the whole limit now"`
	Left    int64 `json:"left" doc:"ms of the plain time limit"`
}

// AutoRequest is the payload of quiz.auto.
type AutoRequest struct {
	room.ID
	On bool `json:"on"`
}

// TimedData is the payload of quiz.timed.
type TimedData struct {
	Auto bool `json:"auto" doc:"a round locks by itself when all who are here have answered"`
}

// RoundRequest is the payload of quiz.lock, quiz.reveal and quiz.close.
type RoundRequest struct {
	room.ID
	Round int   `json:"round"`
	On    bool  `json:"on,omitempty" contract:"-"`   // ignored
	Left  int64 `json:"left,omitempty" contract:"-"` // ignored
}

// RoundData is the payload of quiz.locked and quiz.closed.
type RoundData struct {
	Round int `json:"round"`
}

// RegradeRequest is the payload of quiz.regrade.
type RegradeRequest struct {
	room.ID
	Item string       `json:"item"`
	Key  *AuthoredKey `json:"key" contract:"required"`
}

// RevealedData is the payload of quiz.revealed and quiz.regraded. Staff get all of it. Others
// get the keys, the counts, and of Marks and Scores their own, as Mine and Score.
type RevealedData struct {
	Round    int                           `json:"round"`
	Item     string                        `json:"item,omitempty" doc:"of a regrade"`
	Key      *AuthoredKey                  `json:"key,omitempty" doc:"of a regrade, teachers"`
	Shown    bool                          `json:"shown"` // pupils may see it
	Keys     map[string]item.Revealed      `json:"keys,omitempty"`
	Counts   map[string]map[string]int     `json:"counts,omitempty"`
	Answered map[string]int                `json:"answered,omitempty"`
	Pins     map[string][]item.Place       `json:"pins,omitempty" doc:"of a pin, all of them"` // by item
	Marks    map[string]map[string]float64 `json:"marks,omitempty" doc:"teachers"`             // by user, by item: 0 to 1
	Scores   map[string]float64            `json:"scores,omitempty" doc:"teachers"`
	Mine     map[string]float64            `json:"mine,omitempty" doc:"a pupil"`
	Score    float64                       `json:"score" doc:"a pupil"`
	Max      float64                       `json:"max"`
}

// AuthoredKey carries a key into a fact on purpose, as item.Authored does.
type AuthoredKey struct{ item.Key }

// MarshalJSON writes the key as item.Authored writes it.
func (k AuthoredKey) MarshalJSON() ([]byte, error) {
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
func (k *AuthoredKey) UnmarshalJSON(data []byte) error {
	var a item.Authored
	if err := json.Unmarshal(fmt.Appendf(nil, `{"key":%s}`, data), &a); err != nil {
		return err
	}
	k.Key = a.Key
	return nil
}

// StarRequest is the payload of quiz.star.
type StarRequest struct {
	room.ID
	Round int    `json:"round"`
	Item  string `json:"item"`
	User  string `json:"user"`
	On    bool   `json:"on"`
}

// StarredData is the payload of quiz.starred. It does not name the pupil.
type StarredData struct {
	Round    int           `json:"round"`
	Item     string        `json:"item"`
	N        int           `json:"n"` // which answer of that round and item
	Response item.Response `json:"response"`
	On       bool          `json:"on"`
}

// HideRequest is the payload of quiz.hide.
type HideRequest struct {
	room.ID
	Round int    `json:"round"`
	Item  string `json:"item"`
	User  string `json:"user"`
	On    bool   `json:"on"`
}

// HiddenData is the payload of quiz.hidden: an answer that stays off the wall, or no longer.
type HiddenData struct {
	Round int    `json:"round"`
	Item  string `json:"item"`
	User  string `json:"user"`
	On    bool   `json:"on"`
}

// WallRequest is the payload of quiz.wall.
type WallRequest struct {
	room.ID
	Round int    `json:"round"`
	Item  string `json:"item"`
	As    string `json:"as" enum:",wall,cloud" doc:"empty: it goes"`
}

// WalledData is the payload of quiz.walled: the written answers to one item, without names.
type WalledData struct {
	Round int         `json:"round"`
	Item  string      `json:"item"`
	As    string      `json:"as" enum:",wall,cloud"`
	List  []WallEntry `json:"list" doc:"the most frequent first, at most 200"`
}

// WallEntry is a written answer and how many pupils gave it.
type WallEntry struct {
	Text string `json:"text"`
	N    int    `json:"n"`
}

// RankRequest is the payload of quiz.rank.
type RankRequest struct {
	room.ID
	On bool `json:"on"`
}

// RankedData is the payload of quiz.ranked.
type RankedData struct {
	On   bool          `json:"on"`
	List []RankedEntry `json:"list" doc:"at most 5; equals share a place"`
}

// RankedEntry is a pupil on the leaderboard. Without a user it is the last one and means
// so many pupils as share a place.
type RankedEntry struct {
	User   string  `json:"user"`
	Score  float64 `json:"score"` // whole points; a fact of an older version has hundredths
	Shared int     `json:"shared,omitempty"`
}

// AllowRequest is the payload of quiz.allow.
type AllowRequest struct {
	room.ID
	User   string  `json:"user"`
	Factor float64 `json:"factor" doc:"of the time limit, 1 to 3"`
}

// AllowedData is the payload of quiz.allowed.
type AllowedData struct {
	User   string  `json:"user"`
	Factor float64 `json:"factor" doc:"of the time limit"`
}

// PictureRequest is the payload of the box's command quiz.picture.
type PictureRequest struct {
	room.ID
	Image string `json:"image"`
}

// LookRequest is the payload of quiz.look.
type LookRequest struct {
	room.ID
	Round int    `json:"round"`
	Item  string `json:"item"`
	After string `json:"after" contract:"optional" doc:"a user: those that follow, by id"`
}

// SeenCast is the payload of the ephemeral event quiz.seen.
type SeenCast struct {
	Round   int                  `json:"round"`
	Item    string               `json:"item"`
	Answers map[string]SeenEntry `json:"answers"` // by user
	After   string               `json:"after,omitempty"`
	More    bool                 `json:"more,omitempty"` // others are left: look after the last of these users
}

// SeenEntry is the answer of one pupil to one item, for staff.
type SeenEntry struct {
	Response item.Response `json:"response"`
	Took     int64         `json:"took"` // ms
	At       int64         `json:"at"`   // ms since 1970
	Mark     float64       `json:"mark"` // 0 to 1
}

// CountedCast is the payload of the ephemeral event quiz.counted.
type CountedCast struct {
	Round    int    `json:"round"`
	Item     string `json:"item"`
	Answered int    `json:"answered"`
}

// MarkedCast is the payload of the ephemeral event quiz.marked.
type MarkedCast struct {
	Round int     `json:"round"`
	Item  string  `json:"item"`
	User  string  `json:"user"`
	Mark  float64 `json:"mark"`
}
