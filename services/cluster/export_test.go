package cluster

import (
	"time"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/journal"
	"github.com/livelearn/box/services/room"
)

// TickLocked does the work of a tick for somebody whose join has had no answer, while both locks are
// held in their order. It does not return if that work takes Cluster.mu.
func (c *Cluster) TickLocked(s *room.Seat, lost bool) {
	a := c.lockAnnex(s.Room, c.Owner(s.Room))
	a.visitors[s] = &visitor{seat: s, asked: time.Now().Add(-joinAgain)}
	a.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.handleTick(true, lost)
}

// EncodeLogQuestion is a question for the facts of a room after a position, for a person of this box there.
func (c *Cluster) EncodeLogQuestion(room string, after journal.Cursor, ended bool) []byte {
	a := c.findAnnex(room)
	a.mu.Lock()
	defer a.mu.Unlock()
	v := a.anyWelcome()
	q := &logQuestion{Room: room, Epoch: after.Epoch, Seq: after.Seq, Ended: ended, Seat: v.id}
	q.Code = sign(v.seat.Grant.Key, c.header, q)
	return encode(c.header, q)
}

// ForgeEnds makes what would end the seats of the box that has sent a join, were it taken: a leave without
// a code, a list without seats, and the sign of a program that was started again. Nil: it is no join.
func ForgeEnds(data []byte) [][]byte {
	h, m, err := decode(data)
	j, ok := m.(*join)
	if err != nil || !ok {
		return nil
	}
	again := header{From: h.From, Boot: h.Boot + 1}
	return [][]byte{encode(h, &leave{Room: j.Room, Seat: j.Seat}), encode(h, &seats{Room: j.Room}), encode(again, &beat{})}
}

// ForgeLogQuestion asks for all facts of the room of a join that was caught on the bus. Nil: it is none.
func ForgeLogQuestion(data []byte) []byte {
	h, m, err := decode(data)
	j, ok := m.(*join)
	if err != nil || !ok {
		return nil
	}
	return encode(h, &logQuestion{Room: j.Room, Epoch: 1, Seat: j.Seat, Code: j.Code})
}

// SayBeat is a beat of a box with this name.
func SayBeat(name string) []byte { return encode(header{From: name, Boot: 1}, &beat{}) }

// BoxesHeard is the number of other boxes of which something is kept.
func (c *Cluster) BoxesHeard() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.heard)
}

// DecodeLogAnswer returns the seqs of the facts of an answer, and whether the position is in the log.
func DecodeLogAnswer(data []byte) (seqs []uint64, diverged bool, err error) {
	_, m, err := decode(data)
	if err != nil {
		return nil, false, err
	}
	answer := m.(*logAnswer)
	for _, e := range answer.Facts {
		seqs = append(seqs, e.Seq)
	}
	return seqs, answer.Diverged, nil
}

// ForgePost changes a message that was caught on the bus: another command for the same call and code.
// Nil: the message is no command.
func ForgePost(data []byte, id, name, payload string) []byte {
	h, m, err := decode(data)
	p, ok := m.(*post)
	if err != nil || !ok {
		return nil
	}
	p.ID, p.Name, p.Data = id, name, []byte(payload)
	return encode(h, p)
}

// ForgeJoin makes a join of box "c" for a new seat from one that was caught on the bus. Nil: it is none.
func ForgeJoin(data []byte, seat uint64) []byte {
	_, m, err := decode(data)
	j, ok := m.(*join)
	if err != nil || !ok {
		return nil
	}
	j.Seat = seat
	return encode(header{From: "c", Boot: 1}, j)
}

// RefusalIn is the code of the error in a message to a guest's box, or empty.
func RefusalIn(data []byte) string {
	_, m, err := decode(data)
	if u, ok := m.(*unknown); err == nil && ok && len(u.Error) > 0 {
		return errs.BodyOf(decodeError(u.Error)).Code
	}
	return ""
}
