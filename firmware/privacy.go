package firmware

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/livelearn/box/services/capsule"
	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/gateway"
	"github.com/livelearn/box/services/jobs"
	"github.com/livelearn/box/services/journal"
	"github.com/livelearn/box/services/media/record"
	"github.com/livelearn/box/services/quiz"
	"github.com/livelearn/box/services/results"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/roster"
)

// erased takes the place of an erased pupil's id.
const erased = cloud.Nobody

// byCloud is who asks for what was decided in the cloud.
const byCloud = "cloud"

// eraseTries go on for more than a day: a lesson of the class may be open when the school
// asks.
const eraseTries = 30

// privacy hands a pupil's data out, and erases it.
type privacy struct {
	journal *journal.Journal
	path    string // the journal's
	roster  *roster.Roster
	jobs    func() *jobs.Jobs // made after this
	def     func(event.Kind) (event.Def, bool)
	results string                                        // the folder with the results
	records string                                        // the folder with the recordings
	told    func(ctx context.Context, pupil string) error // tells the cloud of an erasure; may be nil
	log     *slog.Logger
}

func (b *Box) privacy() *privacy {
	return &privacy{
		journal: b.journal, path: b.cfg.journal().Path, roster: b.roster, jobs: func() *jobs.Jobs { return b.letters },
		def:     b.def,
		results: b.folder.Name(resultsDir), records: b.folder.Name(recordsDir), told: b.tellErasure, log: b.log("privacy"),
	}
}

// exported is one fact of an export.
type exported struct {
	Stream string          `json:"stream"`
	Seq    uint64          `json:"seq"`
	At     int64           `json:"at"` // milliseconds since 1970
	Kind   event.Kind      `json:"kind"`
	By     string          `json:"by"`
	Data   json.RawMessage `json:"data"`
}

// export writes all that the box knows by or about a pupil as one JSON value. Of facts
// about many people it holds what the pupil could see.
func (p *privacy) export(ctx context.Context, id string, w io.Writer) error {
	k, err := p.roster.Pupil(id)
	if err != nil {
		return err
	}
	head, err := json.Marshal(struct {
		roster.Known
		Exported int64 `json:"exported"`
	}{k, time.Now().UnixMilli()})
	if err != nil {
		return errs.New("export", errs.Internal, err)
	}
	out := bufio.NewWriter(w)
	write := func(parts ...[]byte) error {
		for _, part := range parts {
			if _, err := out.Write(part); err != nil {
				return errs.New("export", errs.Down, err)
			}
		}
		return nil
	}
	if err := write([]byte(`{"pupil":`), head, []byte(`,"facts":[`)); err != nil {
		return err
	}
	sep := "\n"
	err = p.each(ctx, func(e event.Event) error {
		data, about := p.about(e, id)
		if !about {
			return nil
		}
		line, err := json.Marshal(exported{e.Stream, e.Seq, e.Stamp.Wall, e.Kind, e.By, data})
		if err != nil {
			return errs.New("export", errs.Internal, err)
		}
		defer func() { sep = ",\n" }()
		return write([]byte(sep), line)
	})
	if err != nil {
		return err
	}
	p.log.Info("a pupil's data was exported", "user", id)
	return errors.Join(write([]byte("\n]}\n")), out.Flush())
}

// about is what a fact tells of a pupil; false: nothing.
func (p *privacy) about(e event.Event, id string) (json.RawMessage, bool) {
	if e.By == id {
		return e.Data, !gone(e)
	}
	if !mentions(e.Data, id) {
		return nil, false
	}
	if d, ok := p.def(e.Kind); ok && d.For != nil {
		return d.For(e, event.Viewer{User: id, Role: event.Pupil}), true
	}
	return e.Data, true
}

// mentions tells that a payload has a user id in it. Ids are 64 random bits: no text is one
// by accident.
func mentions(data json.RawMessage, id string) bool { return bytes.Contains(data, quoted(id)) }

func quoted(id string) []byte { return strconv.AppendQuote(nil, id) }

// each gives every fact of the box that can be read.
func (p *privacy) each(ctx context.Context, f func(event.Event) error) error {
	streams, err := p.journal.Streams()
	if err != nil {
		return err
	}
	for _, s := range streams {
		for e, err := range p.journal.Replay(s, 0) {
			switch {
			case ctx.Err() != nil:
				return errs.New("export", errs.Down, context.Cause(ctx))
			case err != nil && errs.KindOf(err) != errs.Corrupt:
				return err
			case err == nil:
				if err := f(e); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (p *privacy) kind() jobs.Kind {
	return jobs.Kind{Name: gateway.EraseKind, Run: p.erase, Timeout: 30 * time.Minute, Tries: eraseTries}
}

// erase takes a pupil out of the box: the name from the roster, then what the pupil wrote
// and did from the rooms' logs, then the files of results. Each step can be done again, so
// a job that was cut off goes on. The box's own log comes late: it holds the job. The cloud
// is told when nothing is left here, unless it is the one that asked.
func (p *privacy) erase(ctx context.Context, t jobs.Task) (any, error) {
	var in gateway.EraseInput
	if err := json.Unmarshal(t.Input, &in); err != nil || in.Pupil == "" {
		return nil, errs.Newf("erase", errs.Invalid, "names no pupil: %w", err)
	}
	if _, err := p.roster.ErasePupil(in.Pupil); err != nil && errs.KindOf(err) != errs.Missing {
		return nil, err
	}
	if err := journal.CompactNext(p.path); err != nil {
		return nil, err
	}
	streams, err := p.journal.Streams()
	if err != nil {
		return nil, err
	}
	out := struct {
		Facts   int `json:"facts"`
		Lessons int `json:"lessons"` // whose results are made anew
	}{}
	for i, s := range streams {
		t.Progress("facts", int64(i), int64(len(streams)))
		if strings.HasPrefix(s, "room:") {
			n, err := p.journal.Rewrite(ctx, s, room.LessonStarted, eraser(in.Pupil))
			if out.Facts += n; err != nil {
				return nil, err
			}
		}
	}
	if err := p.unrecord(in.Pupil); err != nil {
		return nil, err
	}
	t.Progress("results", 0, 0)
	if out.Lessons, err = p.remake(ctx, in.Pupil, t.Job.By); err != nil {
		return nil, err
	}
	for _, l := range p.jobs().List() {
		if l.By != in.Pupil && !mentions(l.Data, in.Pupil) {
			continue
		}
		if err := p.jobs().Drop(ctx, l.ID); err != nil && errs.KindOf(err) != errs.Missing {
			return nil, err
		}
	}
	for stream, forget := range map[string]func(*event.Event) bool{
		cloud.Stream: func(e *event.Event) bool { return cloud.Forget(e, in.Pupil) },
		jobs.Stream:  eraser(in.Pupil),
	} {
		n, err := p.journal.Rewrite(ctx, stream, "", forget)
		if out.Facts += n; err != nil {
			return nil, err
		}
	}
	p.log.Info("a pupil was erased", "facts", out.Facts, "lessons", out.Lessons)
	if p.told != nil && t.Job.By != byCloud {
		return out, p.told(ctx, in.Pupil)
	}
	return out, nil
}

// unrecord deletes what was recorded of a pupil, and every capsule, which are made anew when
// somebody looks.
func (p *privacy) unrecord(id string) error {
	dirs, err := os.ReadDir(p.records)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, d := range dirs {
		dir := filepath.Join(p.records, d.Name())
		parts, fault := record.Parts(dir)
		err = errors.Join(err, fault)
		gone := []string{capsule.IndexFile, capsule.EventsFile}
		for _, part := range parts {
			if part.User == id {
				gone = append(gone, part.File, part.File+".json")
			}
		}
		for _, name := range gone {
			if e := os.Remove(filepath.Join(dir, name)); !errors.Is(e, fs.ErrNotExist) {
				err = errors.Join(err, e)
			}
		}
	}
	if err != nil {
		return errs.New("erase", errs.Down, err)
	}
	return nil
}

// remake deletes the results that tell of a pupil and has them made anew.
func (p *privacy) remake(ctx context.Context, id, by string) (n int, err error) {
	dirs, err := os.ReadDir(p.results)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, errs.New("erase", errs.Down, err)
	}
	for _, d := range dirs {
		dir := filepath.Join(p.results, d.Name())
		data, err := os.ReadFile(filepath.Join(dir, results.FileJSON))
		if err == nil && !mentions(data, id) {
			continue // without it, the results were cut off while they were written
		}
		l, lost := p.roster.Lesson(d.Name())
		if lost == nil {
			if _, err := p.jobs().Add(ctx, gateway.ResultsJob(l, by)); err != nil {
				return n, err
			}
		}
		if err := os.RemoveAll(dir); err != nil {
			return n, errs.New("erase", errs.Down, err)
		}
		n++
	}
	return n, nil
}

// eraser makes facts of a stream forget a pupil. What the pupil did has no payload and no
// author any more; where others' facts name the pupil, they name nobody.
func eraser(id string) func(*event.Event) bool {
	written := map[string]bool{} // the pupil's answers, which a teacher may have starred
	return func(e *event.Event) bool {
		switch {
		case e.By == id:
			if e.Kind == quiz.Answered {
				written[answerKey(e.Data)] = true
			}
			e.By, e.Data = erased, json.RawMessage("null")
			return true
		case e.Kind == quiz.Starred && written[answerKey(e.Data)], e.Kind == jobs.Buried && letterOf(e.Data, id):
			e.Data = json.RawMessage("null")
			return true
		case e.Kind == room.LessonStarted:
			clear(written)
		}
		if !mentions(e.Data, id) {
			return false
		}
		e.Data = bytes.ReplaceAll(e.Data, quoted(id), quoted(erased))
		return true
	}
}

// letterOf tells a dead letter that a pupil wrote.
func letterOf(data json.RawMessage, id string) bool {
	var l struct{ By string }
	return json.Unmarshal(data, &l) == nil && l.By == id
}

// answerKey is what an answer and its star have in common.
func answerKey(data json.RawMessage) string {
	var a struct {
		Round    int
		Item     string
		Response json.RawMessage
	}
	if json.Unmarshal(data, &a) != nil || len(a.Response) == 0 {
		return ""
	}
	return strconv.Itoa(a.Round) + " " + a.Item + " " + string(a.Response)
}
