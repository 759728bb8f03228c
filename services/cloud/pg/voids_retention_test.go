package pg_test

import (
	"encoding/hex"
	"testing"
	"time"

	"github.com/livelearn/box/services/cloud"
)

// TestRetentionEmptiesWhatWasVoided voids a chat and an answer, each as a fact and as a refused one.
func TestRetentionEmptiesWhatWasVoided(t *testing.T) {
	r := newRig(t)
	x := newBox(ada, 7)
	for _, kind := range []string{"chat.said", "quiz.answered"} {
		x.addFact("room:r1", eve, kind, `{"text":"`+secret+`"}`)
		x.addFact("room:r1", eve, kind, `{"text":"\u0000`+secret+`"}`) // a fact that Postgres refuses
	}
	x.addReport(cloud.Listed, cloud.Listing{Class: "c1", Name: "7b", Pupils: []cloud.ListedPupil{{ID: eve, Name: secret}}})
	if got := r.put(x.takeBatch()); len(got.Dead) != 2 {
		t.Fatalf("got %+v", got)
	}
	r.exec(`update livelearn.dead_letters set at = to_timestamp($1::float8 / 1000)`, started)
	_, err := r.store.VoidBox(t.Context(), ada, time.UnixMilli(0))
	r.must(err)
	for _, c := range []struct{ days, facts, letters int }{{29, 3, 2}, {31, 2, 1}, {454, 2, 1}, {456, 0, 0}} {
		_, err := r.store.Retain(t.Context(), dayAfter(c.days))
		r.must(err)
		facts := r.queryInt(`select count(*) from livelearn.voided where payload is not null or command is not null or author <> 'erased'`)
		letters := r.queryInt(`select count(*) from livelearn.voided_letters where letter ->> 'body' is not null or letter ->> 'text' <> ''`)
		if facts != c.facts || letters != c.letters {
			t.Errorf("day %d: %d facts and %d refused ones are not emptied, want %d and %d", c.days, facts, letters, c.facts, c.letters)
		}
	}
	if left := r.findTraces(secret, eve, hex.EncodeToString([]byte(secret))); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}
