package firmware

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"time"

	"github.com/livelearn/box/services/capsule"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/media/record"
	"github.com/livelearn/box/services/roster"
)

// Bounds of the process that makes a capsule.
const (
	capsuleMemory = 512 << 20
	capsuleTime   = time.Minute
)

// capsuleSpec is the spec of the work "capsule"; the lesson's facts follow it.
type capsuleSpec struct {
	Dir      string            `json:"dir"`
	Teachers map[string]string `json:"teachers"`
	Pupils   map[string]string `json:"pupils"`
}

// capsule makes a lesson's capsule in a process of its own, and gives its folder. It is made
// at each look: whoever was erased since is not in it.
func (b *Box) capsule(ctx context.Context, l roster.Lesson) (string, error) {
	const op = "firmware.capsule"
	dir := b.folder.Name(recordsDir + "/" + l.ID)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return "", errs.Code(op, errs.Missing, "no_recording", "this lesson was not recorded")
	}
	pupils, err := b.roster.PupilsOf(l.ID)
	if err != nil {
		return "", err
	}
	staff, err := b.roster.Staff()
	if err != nil {
		return "", err
	}
	spec := capsuleSpec{Dir: dir, Teachers: map[string]string{}, Pupils: pupils}
	for _, s := range staff {
		spec.Teachers[s.ID] = s.Name
	}
	facts := newFacts(lessonFacts(b.journal, l))
	return dir, b.worker("capsule", capsuleMemory, capsuleTime).Run(ctx, spec, facts, nil, nil)
}

// encapsulate is the work "capsule". Pupils are in the capsule when they were recorded, which
// everybody was told then.
func encapsulate(ctx context.Context, spec json.RawMessage, rest io.Reader, _ func(phase string, done, total int64)) (any, error) {
	var s capsuleSpec
	if err := json.Unmarshal(spec, &s); err != nil {
		return nil, errs.New("work capsule", errs.Invalid, err)
	}
	o := capsule.Options{Teachers: s.Teachers, Pupils: s.Pupils}
	parts, err := record.Parts(s.Dir)
	if err != nil {
		return nil, errs.New("work capsule", errs.Down, err)
	}
	for _, p := range parts {
		if _, ok := s.Pupils[p.User]; ok {
			o.Include = true
		}
	}
	_, err = capsule.Build(ctx, readLines(rest), s.Dir, o)
	return nil, err
}

// readLines reads facts as newFacts writes them.
func readLines(r io.Reader) iter.Seq2[event.Event, error] {
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
