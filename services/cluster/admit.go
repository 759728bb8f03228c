package cluster

import (
	"encoding/json"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/room"
)

// Admission is what the owner of a room knows of a guest.
type Admission struct {
	Name   string // as the owner's list has it
	Device string // as session.Identity
	Key    []byte // of the guest's grant
}

// admit asks the box who a guest is. Another box says whom it brings, and the grant is what counts. A box
// that only hears the messages of others has no key, and cannot speak for their people.
func (c *Cluster) admit(h header, m *join, s *room.Seat) (Admission, error) {
	as, err := c.Admit(h.From, s)
	if err == nil && !isSigned(as.Key, h, m, &m.Code) {
		err = errGrant("cluster.Join")
	}
	if err == nil {
		s.Name = as.Name
	}
	return as, err
}

// errGrant refuses a message that is not signed with the key of the guest's grant.
func errGrant(op string) *errs.Error {
	return errs.NewCode(op, errs.Denied, "bad_grant", "this box did not get the person's grant")
}

// encodeError writes an error as decodeError reads it.
func encodeError(err error) []byte {
	data, _ := json.Marshal(errs.BodyOf(err)) // cannot fail: strings and numbers
	return data
}

// Kick signs out the guests of a user in rooms of ours: those of one device, or of all if device is
// empty, in one room, or in all if room is empty. A guest whose kick is lost on the way has no seat any
// more and finds the door closed.
func (c *Cluster) Kick(user, device, id, why string) {
	for _, h := range c.listHostings() {
		if id != "" && h.room != id {
			continue
		}
		h.mu.Lock()
		var list []*room.Seat
		for _, g := range h.guests {
			if !isOf(g.seat.Viewer, user) || device != "" && g.as.Device != device {
				continue
			}
			m := &kick{Seat: g.key.seat, Why: why[:min(len(why), maxWord)]}
			g.say(&m.place, m)
			end := &closed{Seat: g.key.seat}
			g.say(&end.place, end)
			c.forget(g)
			list = append(list, g.seat)
		}
		h.mu.Unlock()
		for _, s := range list {
			c.Rooms.Leave(s)
		}
	}
}

// isOf reports whether a seat is a user's own or the screen that the user opened.
func isOf(v event.Viewer, user string) bool {
	return v.User == user || v.Role == event.Screen && v.User == "screen:"+user
}
