package cloud

import (
	"context"
	"encoding/json"
	"log/slog"
	"regexp"
	"sync"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/library"
	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/roster"
)

const (
	pageItems = 50        // asked for at once
	maxItem   = 4 << 20   // bytes of one: a quiz of 100 questions of any length that item takes
	maxPupils = 1000      // of a class list; the roster takes fewer and says so
	maxWhat   = 200       // characters of a note
	maxN      = 1<<53 - 1 // JavaScript can hold it
)

// Codes of notes about what came down.
const (
	NoteRefused    = "refused"     // an item is wrong: What says which and why, N is its number
	NoteUnknown    = "unknown"     // this program is older than an item's kind, which What names
	NoteLeftClass  = "left_class"  // the school has the class What no more
	NoteLeftPupils = "left_pupils" // N pupils of the class What are not on the school's list
	NoteProblems   = "problems"    // N lines of the list of class What were not taken
	NoteKeptQuiz   = "kept_quiz"   // the quiz What, which a teacher had changed, is kept as a copy
	NoteGoneQuiz   = "gone_quiz"   // the school has the quiz What no more
)

// Downlink brings down what was decided in the cloud: class lists, quizzes, policy, erasures.
// Its zero value brings nothing down.
//
// The cursor is kept twice, in the roster's file and in the library's, each beside what it
// counts: an item and its cursor are one transaction, so a cut at any point is harmless. It
// asks from the lower of the two; the other passes over what it has. An item that is
// wrong is told to an admin and does not hold up the rest.
type Downlink struct {
	Roster  *roster.Roster
	Library *library.Library
	Erase   func(ctx context.Context, pupil string) error // begins to forget a pupil; may come twice
	Policy  func(Policy) error                            // may be nil: each State has it too
	Note    func(Note) error                              // New sets it where it is nil
	Log     *slog.Logger

	running sync.Mutex // held by Run
}

// Run brings down all that there is now. An error is of the link or of the box's own disk:
// it is tried again.
func (d *Downlink) Run(ctx context.Context, sink Sink) error {
	if d.Roster == nil {
		return nil
	}
	d.running.Lock()
	defer d.running.Unlock()
	for {
		since, err := d.since()
		if err != nil {
			return err
		}
		p, err := sink.Pull(ctx, since, pageItems)
		if err != nil {
			return err
		}
		if err := p.check(since); err != nil {
			return err
		}
		if err := d.page(ctx, p); err != nil || !p.More {
			return err
		}
	}
}

// Newest is told the number of the newest item that the cloud has. Where that is less than
// what came down, the cloud was made anew of a backup and gives those numbers to other items:
// all of them are brought down again. 0 is none yet.
func (d *Downlink) Newest(n uint64) error {
	if d.Roster == nil || n == 0 {
		return nil
	}
	a, err := d.Roster.DownCursor()
	if err != nil {
		return err
	}
	b, err := d.Library.DownCursor()
	if err != nil || max(a, b) <= n {
		return err
	}
	d.Log.Warn("the cloud counts anew: all that it decided is brought down again", "seq", n)
	return d.Forget()
}

// Forget begins anew: what another cloud decided has other numbers. What came down stays.
func (d *Downlink) Forget() error {
	if d.Roster == nil {
		return nil
	}
	if err := d.Roster.ForgetDown(); err != nil {
		return err
	}
	return d.Library.ForgetDown()
}

// since is the number of the last item that all of the box has.
func (d *Downlink) since() (uint64, error) {
	a, err := d.Roster.DownCursor()
	if err != nil {
		return 0, err
	}
	b, err := d.Library.DownCursor()
	return min(a, b), err
}

// check refuses a page that would skip items, or never end.
func (p Page) check(since uint64) error {
	last := since
	for _, it := range p.Items {
		if it.N <= last {
			return badPage("item %d comes after %d", it.N, last)
		}
		last = it.N
	}
	switch {
	case p.Next < last:
		return badPage("it goes to %d and ends at %d", last, p.Next)
	case p.Next > maxN:
		return badPage("number %d is too large", p.Next)
	case p.More && p.Next == since:
		return badPage("there is more after %d, which does not come", since)
	}
	return nil
}

func badPage(format string, args ...any) error {
	return errs.Code("cloud.Pull", errs.Down, "bad_page", "the cloud's answer makes no sense: "+format, args...)
}

// page applies the items of a page and then moves both cursors over it.
func (d *Downlink) page(ctx context.Context, p Page) error {
	for _, it := range p.Items {
		if ctx.Err() != nil {
			return errs.New("cloud.Downlink", errs.Down, context.Cause(ctx))
		}
		if err := d.apply(ctx, it); err != nil {
			return err
		}
	}
	if err := d.Roster.SkipDown(p.Next); err != nil {
		return err
	}
	return d.Library.SkipDown(p.Next)
}

// apply applies one item. What is wrong with it is noted.
func (d *Downlink) apply(ctx context.Context, it Item) error {
	err := d.one(ctx, it)
	switch errs.KindOf(err) {
	case errs.Down, errs.Busy: // ours: it is tried again
		return err
	}
	if err == nil {
		return nil
	}
	d.Log.Warn("an item of the cloud is refused", "kind", it.Kind, "id", cut(it.ID), "seq", it.N, "err", err)
	return d.note(NoteRefused, it.Kind+" "+it.ID+": "+err.Error(), int(it.N)) //nolint:gosec // check bounds it
}

func (d *Downlink) one(ctx context.Context, it Item) error {
	if len(it.Data) > maxItem {
		return errs.Field("cloud.Downlink", "data", "too_long", maxItem, "%d bytes, at most %d", len(it.Data), maxItem)
	}
	switch it.Kind {
	case ItemClass:
		return d.class(it)
	case ItemQuiz:
		return d.quiz(it)
	case ItemPolicy:
		return d.policy(it)
	case ItemErasure:
		return d.erasure(ctx, it)
	}
	d.Log.Warn("an item of the cloud is of a kind that this program does not know", "kind", cut(it.Kind), "seq", it.N)
	return d.note(NoteUnknown, it.Kind, int(it.N)) //nolint:gosec // check bounds it
}

func (d *Downlink) class(it Item) error {
	var c Class
	if err := read(it, &c); err != nil {
		return err
	}
	if len(c.Pupils) > maxPupils {
		return errs.Field("cloud.Downlink", "pupils", "too_many", maxPupils, "%d, at most %d", len(c.Pupils), maxPupils)
	}
	sent := roster.Sent{Name: c.Name}
	for _, p := range c.Pupils {
		sent.Pupils = append(sent.Pupils, roster.SentPupil(p))
	}
	got, err := d.Roster.ApplyClass(it.N, it.ID, sent, it.Gone)
	if err != nil || !got.Done {
		return err
	}
	if got.Gone && got.Class != "" {
		err = d.note(NoteLeftClass, got.Name, 0)
	}
	if n := len(got.LeftOver); n > 0 && err == nil {
		err = d.note(NoteLeftPupils, got.Name, n)
	}
	if n := len(got.Problems); n > 0 && err == nil {
		err = d.note(NoteProblems, got.Name, n)
	}
	return err
}

func (d *Downlink) quiz(it Item) error {
	var q item.Quiz
	if err := read(it, &q); err != nil {
		return err
	}
	got, err := d.Library.ApplyQuiz(it.N, it.ID, q, it.Gone)
	switch {
	case err != nil || !got.Done:
		return err
	case got.Kept != "":
		return d.note(NoteKeptQuiz, got.Title, 0)
	case got.Gone && got.Title != "":
		return d.note(NoteGoneQuiz, got.Title, 0)
	}
	return nil
}

func (d *Downlink) policy(it Item) error {
	var p Policy
	if err := read(it, &p); err != nil || it.Gone || d.Policy == nil {
		return err
	}
	return d.Policy(p)
}

// userID is a pupil's id as a roster makes it. Anything else would be taken out of the facts
// wherever they have such a word.
var userID = regexp.MustCompile(`^p_[a-z2-7]{13}$`)

// erasure begins the job that forgets a pupil. The roster's cursor counts it: a cut between
// the two begins it again, which finds nothing to forget.
func (d *Downlink) erasure(ctx context.Context, it Item) error {
	var e Erasure
	if err := read(it, &e); err != nil || it.Gone {
		return err
	}
	if !userID.MatchString(e.Pupil) {
		return errs.Field("cloud.Downlink", "pupil", "bad_id", 0, "is no pupil's id")
	}
	if at, err := d.Roster.DownCursor(); err != nil || it.N <= at {
		return err
	}
	if err := d.Erase(ctx, e.Pupil); err != nil {
		return err
	}
	return d.Roster.SkipDown(it.N)
}

// read reads an item's data. Fields that are not known are those of a newer cloud.
func read(it Item, v any) error {
	if it.Gone && len(it.Data) == 0 {
		return nil
	}
	if err := json.Unmarshal(it.Data, v); err != nil {
		return errs.Field("cloud.Downlink", "data", "unreadable", 0, "this is no %s: %w", it.Kind, err)
	}
	return nil
}

func (d *Downlink) note(code, what string, n int) error {
	if d.Note == nil {
		return nil
	}
	return d.Note(Note{Code: code, What: cut(what), N: n})
}

// cut is the beginning of a text that comes from elsewhere.
func cut(s string) string {
	r := []rune(s)
	return string(r[:min(len(r), maxWhat)])
}
