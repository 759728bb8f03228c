package journal

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"testing"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
)

// A writer whose stream was raised by somebody else, as a journal does after a fault, goes on
// after the facts on disk.
func TestAWriterGoesOnWhenItsStreamWasRaised(t *testing.T) {
	b := openBox(t, Config{Path: filepath.Join(t.TempDir(), "journal.db")})
	w := NewWriter(b.Journal, "report")
	var ends []Cursor
	write := func() error {
		return w.Write(t.Context(), false, func(end Cursor) (event.Event, error) {
			ends = append(ends, end)
			return event.Event{Kind: "test.done", Data: json.RawMessage(`{}`)}, nil
		})
	}
	if err := write(); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Raise(t.Context(), "report"); err != nil {
		t.Fatal(err)
	}
	if err := write(); err != nil {
		t.Fatal(err)
	}
	list, err := b.Since("report", 0, 10)
	if err != nil || len(list) != 2 || list[1].Seq != 2 {
		t.Errorf("the facts are %+v, %v", list, err)
	}
	if last := ends[len(ends)-1]; last.Seq != 1 || len(ends) != 3 {
		t.Errorf("the ends that the writer told: %+v", ends)
	}
}

func TestAWriterReturnsTheFaultOfItsCaller(t *testing.T) {
	b := openBox(t, Config{Path: filepath.Join(t.TempDir(), "journal.db")})
	w := NewWriter(b.Journal, "report")
	want := errors.New("no such thing")
	if err := w.Write(t.Context(), false, func(Cursor) (event.Event, error) { return event.Event{}, want }); !errors.Is(err, want) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := w.Write(ctx, false, func(Cursor) (event.Event, error) { return event.Event{Kind: "test.done"}, nil })
	if err != nil && errs.KindOf(err) != errs.Down { // the fact may be on disk before that is noticed
		t.Errorf("after the end: %v", err)
	}
}
