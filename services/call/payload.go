package call

import (
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/media"
	"github.com/livelearn/box/services/room"
)

// PublishRequest is the payload of call.publish: an offer to send.
type PublishRequest struct {
	room.ID
	Session string        `json:"session"`
	SDP     string        `json:"sdp" doc:"at most 48 KiB"`
	Tracks  []media.Track `json:"tracks" doc:"each source once"`
}

// WatchRequest is the payload of call.watch: an offer to receive.
type WatchRequest struct {
	room.ID
	Session string     `json:"session"`
	SDP     string     `json:"sdp"`
	Mode    media.Mode `json:"mode"`
}

// WantRequest is the payload of call.want. Heights are by mid, in pixels.
type WantRequest struct {
	room.ID
	Session string         `json:"session"`
	Mode    media.Mode     `json:"mode"`
	Heights map[string]int `json:"heights" doc:"pixels by mid, 0 is out of sight; at most 16 of 0 to 8640"`
}

// LeaveRequest is the payload of call.leave.
type LeaveRequest struct {
	room.ID
	Session string `json:"session"`
}

// PlaceRequest is the payload of call.place.
type PlaceRequest struct {
	room.ID
	Place string `json:"place" enum:"room,remote"`
	User  string `json:"user" contract:"optional" doc:"without: the sender"`
}

// PlacedData is the payload of call.placed.
type PlacedData struct {
	User  string `json:"user"`
	Place string `json:"place" enum:"room,remote"`
}

// InviteRequest is the payload of call.invite: the whole list.
type InviteRequest struct {
	room.ID
	User    string         `json:"user"`
	Sources []media.Source `json:"sources" doc:"the whole list; an empty one takes it back"`
}

// InvitedData is the payload of call.invited: the whole list.
type InvitedData struct {
	User    string         `json:"user"`
	Sources []media.Source `json:"sources" doc:"the whole list"`
}

// MuteRequest is the payload of call.mute.
type MuteRequest struct {
	room.ID
	User   string       `json:"user" contract:"optional" doc:"without: the sender"`
	Source media.Source `json:"source"`
	On     *bool        `json:"on" contract:"required"`
}

// MutedData is the payload of call.muted: whether a source is muted from now on, and by whom. Own
// says that its person has muted it too. Then it stays muted when a teacher unmutes it.
type MutedData struct {
	User   string       `json:"user"`
	Source media.Source `json:"source"`
	On     bool         `json:"on"`
	By     string       `json:"by,omitempty" doc:"the user who holds it muted"`
	Own    bool         `json:"own,omitempty"`
}

// SourceData is the payload of call.started and call.ended.
type SourceData struct {
	User   string       `json:"user"`
	Source media.Source `json:"source"`
}

// RecordRequest is the payload of call.record.
type RecordRequest struct {
	room.ID
	On     *bool `json:"on" contract:"required"`
	Pupils bool  `json:"pupils" contract:"optional" doc:"true takes their tracks too"`
}

// RecordedData is the payload of call.recorded. Err says why a recording ended by itself.
type RecordedData struct {
	On     bool   `json:"on"`
	Pupils bool   `json:"pupils,omitempty"`
	Err    string `json:"err,omitempty" doc:"why it ended by itself"`
}

// Answer is the payload of the box's command call.answer: a node's answer to an offer.
type Answer struct {
	room.ID
	To  string `json:"to"` // the user
	Req string `json:"req"`
	SDP string `json:"sdp"`
}

// Refused is the payload of the box's command call.refused: a node's refusal of an offer.
type Refused struct {
	room.ID
	To   string `json:"to"`
	Req  string `json:"req"`
	Code string `json:"code"`
	Kind string `json:"kind"` // of errs, as errs.Kind.String
}

// Live is the payload of the box's command call.sync: the state of a room in the Exchange. It
// has each session that was handed over and has not ended, with or without an answer.
type Live struct {
	room.ID
	Sessions  []Session `json:"sessions"`
	Recording bool      `json:"recording"`
}

// Session is one session of Live.
type Session struct {
	User    string         `json:"user"`
	Session string         `json:"session"`
	Watch   bool           `json:"watch"`             // it receives
	First   bool           `json:"first,omitempty"`   // as it was published
	Sources []media.Source `json:"sources,omitempty"` // of which media arrives: track.up without track.down
}

// EventReport is the payload of the box's command call.event.
type EventReport struct {
	room.ID
	media.Event
}

// AnswerCast is the payload of the ephemeral event call.answer.
type AnswerCast struct {
	Req string `json:"req"`
	SDP string `json:"sdp"`
}

// RefusedCast is the payload of the ephemeral event call.refused.
type RefusedCast struct {
	Req    string `json:"req"`
	Code   string `json:"code"`
	Reason string `json:"reason"`
}

// SlotsCast is the payload of the ephemeral event call.slots.
type SlotsCast struct {
	Session string       `json:"session"`
	Slots   []media.Slot `json:"slots"`
}

// LayersCast is the payload of the ephemeral event call.layers.
type LayersCast struct {
	Session string       `json:"session"`
	Source  media.Source `json:"source"`
	Active  []string     `json:"active"`
}

// MovedCast is the payload of the ephemeral event call.moved.
type MovedCast struct {
	Session string `json:"session"`
}

// SpeakersCast is the payload of the ephemeral event call.speakers.
type SpeakersCast struct {
	Users []string `json:"users"` // loudest first
}

// aboutUser is seeUser in words.
const aboutUser = "teachers and that user"

var (
	erasePlaced  = event.EraseIn(func(x event.Erasure, p *PlacedData) bool { return x.Rename(&p.User) })
	eraseInvited = event.EraseIn(func(x event.Erasure, p *InvitedData) bool { return x.Rename(&p.User) })
	eraseSource  = event.EraseIn(func(x event.Erasure, p *SourceData) bool { return x.Rename(&p.User) })
	eraseMuted   = event.EraseIn(func(x event.Erasure, p *MutedData) bool {
		user, by := x.Rename(&p.User), x.Rename(&p.By)
		return user || by
	})
)
