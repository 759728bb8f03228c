// Package lessonfacts reads the facts of one lesson from the journal and passes them to a worker
// process as lines of JSON. The jobs that make results and capsules call it.
package lessonfacts

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"iter"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/journal"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/roster"
)

// Of returns the facts of a lesson. They are the facts of its room from its start to the start
// of the next lesson. Damaged facts are left out.
func Of(j *journal.Journal, l roster.Lesson) iter.Seq2[event.Event, error] {
	return func(yield func(event.Event, error) bool) {
		in := false
		for e, err := range j.Replay(room.StreamOf(l.Room), 0) {
			if err != nil && errs.KindOf(err) == errs.Corrupt {
				continue
			}
			if e.Kind == room.LessonStarted {
				var start struct{ Lesson string }
				_ = json.Unmarshal(e.Data, &start) // of another lesson then
				if in && start.Lesson != l.ID {
					return
				}
				in = start.Lesson == l.ID
			}
			if (in || err != nil) && !yield(e, err) {
				return
			}
		}
	}
}

// Reader encodes facts for a worker, one line of JSON each.
type Reader struct {
	next func() (event.Event, error, bool)
	stop func()
	buf  bytes.Buffer
}

// NewReader returns a Reader of the facts of seq. The caller closes it.
func NewReader(seq iter.Seq2[event.Event, error]) *Reader {
	next, stop := iter.Pull2(seq)
	return &Reader{next: next, stop: stop}
}

// Read implements io.Reader.
func (f *Reader) Read(p []byte) (int, error) {
	for f.buf.Len() == 0 {
		e, err, ok := f.next()
		switch {
		case !ok:
			return 0, io.EOF
		case err != nil:
			return 0, err
		}
		if err := json.NewEncoder(&f.buf).Encode(e); err != nil {
			return 0, err
		}
	}
	return f.buf.Read(p)
}

// Close ends the reading of the journal. A second call does nothing.
func (f *Reader) Close() error {
	f.stop()
	return nil
}

// Read decodes facts as Reader encodes them.
func Read(r io.Reader) iter.Seq2[event.Event, error] {
	return func(yield func(event.Event, error) bool) {
		for d := json.NewDecoder(r); ; {
			var e event.Event
			err := d.Decode(&e)
			if errors.Is(err, io.EOF) || !yield(e, err) || err != nil {
				return
			}
		}
	}
}
