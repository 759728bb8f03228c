package lessonfacts

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/livelearn/box/services/event"
)

func TestAWorkerReadsAFactALine(t *testing.T) {
	want := errors.New("the disk")
	f := NewReader(func(yield func(event.Event, error) bool) {
		_ = yield(event.Event{Seq: 1, Data: json.RawMessage(`{}`)}, nil) && yield(event.Event{Seq: 2}, nil) && yield(event.Event{}, want)
	})
	text, err := io.ReadAll(f)
	if lines := strings.Count(string(text), "\n"); lines != 2 || !errors.Is(err, want) {
		t.Errorf("%d lines, %v: %s", lines, err, text)
	}
	for range 2 {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}
