// Package call is the lesson's pictures and sound as the room sees them: who may publish
// what, who is in the room and who is remote, what is on air, and the signalling, which goes
// over the lesson's own channel. It never sees a media byte.
package call

import (
	"github.com/livelearn/box/services/media"
)

// Exchange reaches the media node in charge. Its methods hand over and return at once; what
// becomes of it comes back to the room as the box's commands (call.answer, call.refused,
// call.event).
type Exchange interface {
	Publish(req string, p media.Publish) // req is the client's id for its request
	Watch(req string, w media.Watch)
	Want(w media.Want)
	Close(session string)
	Mute(room, user string, source media.Source, on bool)
	Record(room string, on, all bool)
}
