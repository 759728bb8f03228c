package whiteboard

import (
	"github.com/livelearn/box/services/ink"
	"github.com/livelearn/box/services/room"
)

// LoadRequest is the payload of the box's command board.load.
type LoadRequest struct {
	room.ID
	Deck  string `json:"deck"`
	Title string `json:"title"`
	Pages []Page `json:"pages"`
}

// LoadedData is the payload of board.loaded: a deck of the lesson.
type LoadedData struct {
	Deck  string `json:"deck"`
	Title string `json:"title"`
	Pages []Page `json:"pages"`
}

// Page is one page image. Its files are named by Key, a width and Ext.
type Page struct {
	Key    string `json:"key"`
	W      int    `json:"w"` // pixels of the largest image
	H      int    `json:"h"`
	Widths []int  `json:"widths,omitempty"`
	Ext    string `json:"ext,omitempty"`
	Text   string `json:"text,omitempty"`
}

// ShowRequest is the payload of board.show.
type ShowRequest struct {
	room.ID
	Surface string     `json:"surface" doc:"d:deck:page, w:number, or empty: nothing"`
	Page    *ShownPage `json:"page,omitempty" contract:"-"` // ignored
}

// ShownData is the payload of board.shown.
type ShownData struct {
	Surface string     `json:"surface"`
	Page    *ShownPage `json:"page,omitempty" doc:"of a deck"`
}

// ShownPage is a page and its place in its deck.
type ShownPage struct {
	Deck  string `json:"deck"`
	Index int    `json:"index"`
	Of    int    `json:"of"`
	Page
}

// FollowRequest is the payload of board.follow.
type FollowRequest struct {
	room.ID
	On bool `json:"on"`
}

// FollowedData is the payload of board.followed. Pages are those of the shown deck, for browsing.
type FollowedData struct {
	On    bool   `json:"on"`
	Deck  string `json:"deck,omitempty"`
	Pages []Page `json:"pages,omitempty"`
}

// Stroke is one line or shape.
type Stroke = ink.Stroke

// DrawRequest is the payload of board.draw.
type DrawRequest struct {
	room.ID
	Surface string `json:"surface"`
	Stroke  Stroke `json:"stroke"`
}

// DrawnData is the payload of board.drawn.
type DrawnData struct {
	Surface string `json:"surface"`
	Stroke  Stroke `json:"stroke"`
}

// SurfaceRequest is the payload of board.undo, board.redo and board.clear.
type SurfaceRequest struct {
	room.ID
	Surface string `json:"surface"`
}

// UndoneData is the payload of board.undone.
type UndoneData struct {
	Surface string `json:"surface"`
	Stroke  string `json:"stroke,omitempty" contract:"required" doc:"its id"`
}

// ClearedData is the payload of board.cleared.
type ClearedData struct {
	Surface string `json:"surface"`
}

// PointRequest is the payload of board.point.
type PointRequest struct {
	room.ID
	X  int  `json:"x" doc:"0 to 10000"`
	Y  int  `json:"y" doc:"0 to 10000"`
	On bool `json:"on"`
}

// PointedCast is the payload of the ephemeral event board.pointed.
type PointedCast struct {
	X  int  `json:"x"`
	Y  int  `json:"y"`
	On bool `json:"on"`
}

// LookRequest is the payload of board.look.
type LookRequest struct {
	room.ID
	Surface string `json:"surface"`
	Before  string `json:"before" contract:"optional" doc:"id of a stroke: older ones"`
}

// InkCast is the payload of the ephemeral event board.ink, an answer to board.look. Parts come
// newest first, each oldest stroke first.
type InkCast struct {
	Surface string   `json:"surface"`
	First   bool     `json:"first"`
	Strokes []Stroke `json:"strokes"`
	More    bool     `json:"more"` // older strokes are left: look before the first of these
}
