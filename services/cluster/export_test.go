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

// EncodeLogQuestion is a question of box "x" for the facts of a room after a position.
func EncodeLogQuestion(room string, after journal.Cursor, ended bool) []byte {
	return encode(header{From: "x"}, &logQuestion{Room: room, Epoch: after.Epoch, Seq: after.Seq, Ended: ended})
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
