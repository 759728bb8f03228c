package cluster

import (
	"time"

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
