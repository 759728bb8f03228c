// Package call is the lesson's pictures and sound as the room sees them: who may publish
// what, who is in the room and who is remote, what is on air, and the signalling, which goes
// over the lesson's own channel. It never sees a media byte.
//
//	member -> call.publish -> checks, facts -> Exchange.Publish -> media node
//	member <- call.answer  <- call.answer (of the box)  <-------------'
//	all    <- call.started <- call.event  (of the box): media has begun to arrive
//
// Promises:
//   - A source of a pupil is on air only while the pupil is invited for it. What a teacher
//     takes back is silent at the node before the room tells of it.
//   - Offers, answers and session ids are told to nobody but the person whose they are. A
//     session belongs to its user by its name, <user>:<what the client chose>, so that
//     nobody can name another's.
//   - What is invited, muted, placed and recorded are facts and outlive a crash. Sessions
//     live with the media node: a room that was rebuilt asks for them (Exchange.Sync), and
//     what the node says wins over what the log says is on air.
package call

import (
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/media"
	"github.com/livelearn/box/services/room"
)

// Exchange reaches the media node in charge. Its methods hand over and return at once; what
// becomes of it comes back to the room as the box's commands call.answer (Answer),
// call.refused (Refused), call.event (media.Event) and call.sync (Live), in the order in
// which it happened. A command that the room refuses with code "no_lesson" means that
// nothing of that room should be on air: its sessions may be closed.
//
// Sessions are at most MaxSession bytes long here: the user's id comes before the client's.
type Exchange interface {
	Publish(req string, p media.Publish) // req is the client's id for its request
	Watch(req string, w media.Watch)
	Want(w media.Want)
	Close(session string)
	// Mute holds for what the user publishes now and later, until it is taken back.
	Mute(room, user string, source media.Source, on bool)
	Record(room string, on, all bool)
	// Sync asks what is so in a room now. The answer is one call.sync, an empty one when
	// no node is up. A room asks when it was rebuilt and when a lesson starts.
	Sync(room string)
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

// Live is the payload of the box's command call.sync: what an Exchange knows of a room. It
// holds each session that was handed over and has not ended, answered yet or not.
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

// Facts of this feature.
const (
	Placed   = event.Kind("call.placed")
	Invited  = event.Kind("call.invited")
	Muted    = event.Kind("call.muted")
	Stopped  = event.Kind("call.stopped")
	Recorded = event.Kind("call.recorded")
	Started  = event.Kind("call.started")
	Ended    = event.Kind("call.ended")
)

// Limits of what a member may send, and of what a room keeps.
const (
	MinName    = 16 // characters of a session's name by the client
	MaxName    = 64
	MaxSession = room.MaxID + 1 + MaxName // bytes of a session as the node knows it
	MaxSDP     = 48 << 10                 // bytes
	MaxTracks  = 6                        // of an offer
	MaxMID     = 16                       // characters
	MaxSlots   = 16                       // of call.want
	MaxHeight  = 8640                     // pixels
	MaxInvited = 100                      // people at a time
	MaxMuted   = 300                      // sources at a time
	MaxRemote  = 500                      // people at a time
)

// Kind is the feature's entry for the tree. Without an Exchange nobody can publish, watch
// or record, and all else works.
func Kind(x Exchange) room.Kind {
	return room.Kind{
		Name: "call",
		New: func() room.Feature {
			return &call{Remote: map[string]bool{}, Invited: map[string][]media.Source{}, x: x}
		},
		Commands: []room.Command{
			{Name: "call.publish", Pupil: true},
			{Name: "call.watch", Pupil: true, Screen: true},
			{Name: "call.want", Pupil: true, Screen: true},
			{Name: "call.leave", Pupil: true, Screen: true},
			{Name: "call.place", Pupil: true},
			{Name: "call.mute", Pupil: true},
			{Name: "call.invite"},
			{Name: "call.stopall"},
			{Name: "call.record"},
			{Name: "call.answer", Box: true},
			{Name: "call.refused", Box: true},
			{Name: "call.event", Box: true},
			{Name: "call.sync", Box: true},
		},
		// What a teacher decides leaves when it is on disk: a crash must not give back a
		// microphone that was taken. The rest is put right by a Sync.
		Events: []event.Def{
			{Kind: Placed, Effect: event.Early, Vital: true, See: seeUser},
			{Kind: Invited, Effect: event.Committed, Vital: true, See: seeUser},
			{Kind: Muted, Effect: event.Committed, Vital: true, See: seeUser},
			{Kind: Stopped, Effect: event.Committed, Vital: true},
			{Kind: Recorded, Effect: event.Committed, Vital: true, Cloud: true},
			{Kind: Started, Effect: event.Early, Vital: true},
			{Kind: Ended, Effect: event.Early, Vital: true},
		},
	}
}
