package hand

import (
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/room"
)

// LowerRequest is the payload of hand.lower: one user's hand, or all.
type LowerRequest struct {
	room.ID
	User string `json:"user,omitempty"`
	All  bool   `json:"all,omitempty"`
}

// LoweredData is the payload of hand.lowered: one user's hand, or all.
type LoweredData struct {
	User string `json:"user,omitempty"`
	All  bool   `json:"all,omitempty"`
}

var eraseLowered = event.EraseIn(func(x event.Erasure, p *LoweredData) bool { return x.Rename(&p.User) })
