package session

import (
	"testing"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/room"
)

func TestTheJoinPayloadIsReadAndItsFaultsNamed(t *testing.T) {
	for in, want := range map[string]string{
		``: "", `{}`: "", `{"since":4,"epoch":2,"other":[1]}`: "", `{"as":"screen"}`: "", `null`: "",
		`{"since":-1}`: "since", `{"since":"4"}`: "since", `{"epoch":1.5}`: "epoch", `{"as":"admin"}`: "as", `[]`: "payload",
		`{"since":18446744073709551616}`: "since",
	} {
		var s room.Seat
		err := parseJoinParams([]byte(in), &s, event.Teacher)
		if got := errs.BodyOf(err).Field; (err == nil) != (want == "") || got != want {
			t.Errorf("%s: field %q (%v), want %q", in, got, err, want)
		}
	}
}

func FuzzJoinPayload(f *testing.F) {
	for _, s := range []string{`{}`, `{"since":4,"epoch":2}`, `{"as":"screen"}`, `{"since":1e3}`, `[]`, `null`, `{"since":`, `{"as":{"since":1}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s := room.Seat{Viewer: event.Viewer{User: "p1", Role: event.Pupil}}
		if err := parseJoinParams(data, &s, event.Pupil); err == nil && s.Viewer.Role != event.Pupil {
			t.Fatalf("%s made a pupil a %s", data, s.Viewer.Role)
		} else if err != nil && errs.KindOf(err) != errs.Invalid && errs.KindOf(err) != errs.Denied {
			t.Fatalf("kind of %v", err)
		}
	})
}
