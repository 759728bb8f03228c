package firmware

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/livelearn/box/firmware/datafolder"
	"github.com/livelearn/box/firmware/lessonfacts"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/media/record"
	"github.com/livelearn/box/services/playback"
	"github.com/livelearn/box/services/roster"
)

// Bounds of the process that makes a capsule.
const (
	capsuleMemory  = 512 << 20
	capsuleTimeout = time.Minute
)

// capsuleSpec is the spec of the task "capsule". The facts of the lesson follow it.
type capsuleSpec struct {
	Dir      string            `json:"dir"`
	Teachers map[string]string `json:"teachers"`
	Pupils   map[string]string `json:"pupils"`
}

// buildCapsule makes a lesson's capsule in a worker process and returns its folder. It makes the
// capsule for each request, so a pupil who was erased meanwhile is not in it.
func (b *Box) buildCapsule(ctx context.Context, l roster.Lesson) (string, error) {
	const op = "firmware.capsule"
	dir := b.folder.PathOf(datafolder.RecordingsDir + "/" + l.ID)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return "", errs.NewCode(op, errs.Missing, "no_recording", "this lesson was not recorded")
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
	facts := lessonfacts.NewReader(lessonfacts.Of(b.journal, l))
	return dir, b.newWorker("capsule", capsuleMemory, capsuleTimeout).Run(ctx, spec, facts, nil, nil)
}

// RunCapsuleTask is the task "capsule". The capsule holds pupils if they were recorded. The class
// saw then that it was recorded.
func RunCapsuleTask(ctx context.Context, spec json.RawMessage, rest io.Reader, _ func(phase string, done, total int64)) (any, error) {
	var s capsuleSpec
	if err := json.Unmarshal(spec, &s); err != nil {
		return nil, errs.New("task capsule", errs.Invalid, err)
	}
	o := playback.Options{Teachers: s.Teachers, Pupils: s.Pupils}
	parts, err := record.ListParts(s.Dir)
	if err != nil {
		return nil, errs.New("task capsule", errs.Down, err)
	}
	for _, p := range parts {
		if _, ok := s.Pupils[p.User]; ok {
			o.Include = true
		}
	}
	_, err = playback.Build(ctx, lessonfacts.Read(rest), s.Dir, o)
	return nil, err
}
