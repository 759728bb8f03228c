// Package call is the lesson's pictures and sound as the room sees them. It decides who may
// publish, it knows who is in the room, remote and on air, and it does the signalling over the
// lesson's own channel. It never sees a media byte.
//
//	member -> call.publish -> checks, facts -> Exchange.Publish -> media node
//	member <- call.answer  <- call.answer (of the box)  <-------------'
//	all    <- call.started <- call.event  (of the box): media has begun to arrive
//
// Promises:
//   - A source of a pupil is on air only while the pupil is invited for it. When a teacher takes
//     an invitation back, the node silences the source before the fact leaves the room.
//   - Offers, answers and session ids are sent only to the user they belong to. A session's name
//     is <user>:<name by the client>, so a client cannot name the session of another user.
//   - Invitations, mutes, places and the recording are facts and outlive a crash. Sessions live
//     in the media node. A room that was rebuilt asks for them (Exchange.Sync), and the node's
//     answer wins over the log.
package call

import (
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/media"
	"github.com/livelearn/box/services/room"
)

// Exchange reaches the media node in charge. Its methods hand a request over and return at once.
// The outcome comes to the room as a command of the box: call.answer (Answer), call.refused
// (Refused), call.event (EventReport) or call.sync (Live), in the order of events. If the room
// refuses such a command with code "no_lesson", the sessions of that room may be closed.
//
// Sessions are at most MaxSession bytes long here: the user's id comes before the client's name.
type Exchange interface {
	Publish(req string, p media.Publish) // req is the client's id for its request
	Watch(req string, w media.Watch)
	Want(w media.Want)
	Close(session string)
	// Mute holds for what the user publishes now and later, until it is taken back.
	Mute(room, user string, source media.Source, on bool)
	Record(room string, on, all bool)
	// Sync asks for the sessions of a room. The answer is one call.sync, an empty one when no
	// node is up. A room asks when it was rebuilt and when a lesson starts.
	Sync(room string)
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

// Limits of a member's commands, and of a room's state.
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

// Kind is the feature's entry for the tree. Without an Exchange the room refuses to publish, watch
// and record, and the rest works.
func Kind(x Exchange) room.Kind {
	return room.Kind{
		Name: "call",
		New: func() room.Feature {
			return &call{Remote: map[string]bool{}, Invited: map[string][]media.Source{}, exchange: x}
		},
		Commands: []room.Command{
			{Name: "call.publish", Payload: PublishRequest{}, Pupil: true, Who: "teachers; a pupil for what it is invited to (`not_invited`)"},
			{Name: "call.watch", Payload: WatchRequest{}, Pupil: true, Screen: true, Who: "teachers, screens, pupils who are remote (`in_room`)"},
			{Name: "call.want", Payload: WantRequest{}, Pupil: true, Screen: true, Who: "watchers (`no_session`)"},
			{Name: "call.leave", Payload: LeaveRequest{}, Pupil: true, Screen: true, Who: "its owner"},
			{Name: "call.place", Payload: PlaceRequest{}, Pupil: true, Who: "a pupil for itself; others' only a teacher"},
			{Name: "call.mute", Payload: MuteRequest{}, Pupil: true, Who: "as `call.place`; refused `muted`, `self_muted`"},
			{Name: "call.invite", Payload: InviteRequest{}},
			{Name: "call.stopall", Doc: "takes all invitations back"},
			{Name: "call.record", Payload: RecordRequest{}},
			{Name: "call.answer", Payload: Answer{}, Box: true},
			{Name: "call.refused", Payload: Refused{}, Box: true},
			{Name: "call.event", Payload: EventReport{}, Box: true},
			{Name: "call.sync", Payload: Live{}, Box: true},
		},
		Casts: casts,
		// A teacher's decision leaves when it is on disk: a crash must not switch a microphone on
		// again. A Sync corrects the rest.
		Events: []event.Def{
			{Kind: Placed, Payload: PlacedData{}, Effect: event.Early, Vital: true, VisibleTo: seeUser, SeenBy: aboutUser, Erase: erasePlaced},
			{Kind: Invited, Payload: InvitedData{}, Effect: event.Committed, Vital: true, VisibleTo: seeUser, SeenBy: aboutUser, Erase: eraseInvited},
			{
				Kind: Muted, Payload: MutedData{}, Effect: event.Committed, Vital: true,
				VisibleTo: seeUser, SeenBy: aboutUser, Erase: eraseMuted,
			},
			{Kind: Stopped, Effect: event.Committed, Vital: true, Doc: "every invitation is taken back"},
			{Kind: Recorded, Payload: RecordedData{}, Effect: event.Committed, Vital: true, Cloud: true},
			{Kind: Started, Payload: SourceData{}, Effect: event.Early, Vital: true, Doc: "is on air", Erase: eraseSource},
			{Kind: Ended, Payload: SourceData{}, Effect: event.Early, Vital: true, Doc: "is no longer on air", Erase: eraseSource},
		},
	}
}

var casts = []room.Cast{
	{Name: "call.answer", Payload: AnswerCast{}},
	{Name: "call.refused", Payload: RefusedCast{}},
	{Name: "call.slots", Payload: SlotsCast{}},
	{Name: "call.layers", Payload: LayersCast{}},
	{Name: "call.moved", Payload: MovedCast{}},
	{Name: "call.speakers", Payload: SpeakersCast{}},
}
