package cluster

import "github.com/livelearn/box/services/journal"

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
