package errs_test

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/livelearn/box/services/errs"
)

func TestEachKindHasItsNameAndStatus(t *testing.T) {
	for k, want := range map[errs.Kind]struct {
		name   string
		status int
	}{
		errs.Internal: {"internal", 500}, errs.Invalid: {"invalid", 400}, errs.Denied: {"denied", 403}, errs.Missing: {"missing", 404},
		errs.Stale: {"stale", 409}, errs.Busy: {"busy", 429}, errs.Down: {"down", 503}, errs.Corrupt: {"internal", 500},
	} {
		if k.String() != want.name || k.HTTPStatus() != want.status {
			t.Errorf("kind %d: %s %d, want %+v", k, k, k.HTTPStatus(), want)
		}
		back, ok := errs.KindNamed(want.name)
		if !ok || back != k && k != errs.Corrupt {
			t.Errorf("%s: kind %d %v, want %d", want.name, back, ok, k)
		}
	}
	if k, ok := errs.KindNamed("no_kind"); ok || k != errs.Internal {
		t.Errorf("an unknown name: %v %v", k, ok)
	}
}

func TestTheOutermostErrorGivesTheKind(t *testing.T) {
	inner := errs.Newf("journal.Append", errs.Down, "disk %d", 3)
	outer := errs.New("chat.Handle", errs.Busy, inner)
	for _, c := range []struct {
		err  error
		kind errs.Kind
		text string
	}{
		{inner, errs.Down, "journal.Append: disk 3"},
		{outer, errs.Busy, "chat.Handle: journal.Append: disk 3"},
		{fmt.Errorf("wrapped: %w", inner), errs.Down, "wrapped: journal.Append: disk 3"},
		{fs.ErrNotExist, errs.Internal, "file does not exist"},
		{nil, errs.Internal, ""},
		{errs.NewField("chat.say", "text", "too_long", 500, "at most 500"), errs.Invalid, "chat.say: text: at most 500"},
		{&errs.Error{Field: "text", Err: fs.ErrExist}, errs.Internal, "file already exists"},
	} {
		if got := errs.KindOf(c.err); got != c.kind {
			t.Errorf("%v: kind %v, want %v", c.err, got, c.kind)
		}
		if c.err != nil && c.err.Error() != c.text {
			t.Errorf("text %q, want %q", c.err, c.text)
		}
	}
	if !errors.Is(errs.New("x", errs.Missing, fs.ErrNotExist), fs.ErrNotExist) {
		t.Error("the cause is lost")
	}
}

func TestASenderSeesNoTextOfAnInternalFault(t *testing.T) {
	for _, c := range []struct {
		err  error
		want errs.Body
	}{
		{fs.ErrNotExist, errs.Body{Reason: "internal"}},
		{errs.NewCode("x", errs.Internal, "secret", "open /data/ada.db"), errs.Body{Reason: "internal"}},
		{errs.NewCode("x", errs.Corrupt, "secret", "page 7 of /data/ada.db"), errs.Body{Reason: "internal"}},
		{errs.NewField("x", "text", "too_long", 9, "at most 9"), errs.Body{Reason: "invalid", Code: "too_long", Field: "text", Limit: 9, Message: "at most 9"}},
		{fmt.Errorf("outer: %w", errs.NewCode("x", errs.Down, "disk_full", "the disk is full")), errs.Body{Reason: "down", Code: "disk_full", Message: "the disk is full"}},
		{errs.Newf("x", errs.Missing, "no such deck"), errs.Body{Reason: "missing", Message: "no such deck"}},
	} {
		if got := errs.BodyOf(c.err); got != c.want {
			t.Errorf("%v: got %+v, want %+v", c.err, got, c.want)
		}
	}
}
