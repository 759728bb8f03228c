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
	pageItems     = 50        // items in one request
	maxItem       = 4 << 20   // bytes of one item: a quiz of 100 questions of any length that package item takes
	maxPupils     = 1000      // of a class list. The roster takes fewer and reports it.
	maxWhat       = 200       // characters of a note
	maxItemNumber = 1<<53 - 1 // JavaScript can hold it
)

// Codes of notes about items from the school.
const (
	NoteRefused    = "refused"     // an item is invalid: What has its kind, id and fault, N its number
	NoteUnknown    = "unknown"     // the item's kind, in What, is newer than this program
	NoteLeftClass  = "left_class"  // the school removed the class What
	NoteLeftPupils = "left_pupils" // N pupils of the class What are not on the school's list
	NoteProblems   = "problems"    // N lines of the list of class What were not applied
	NoteKeptQuiz   = "kept_quiz"   // a teacher had changed the quiz What, so the box keeps a copy
	NoteGoneQuiz   = "gone_quiz"   // the school removed the quiz What
)

// Downlink fetches the school's decisions from the cloud: class lists, quizzes, policy,
// erasures. The zero value fetches nothing.
//
// The roster's file and the library's file each hold a cursor. An item and its cursor are stored
// in one transaction, so a cut at any point is harmless. Downlink asks from the lower cursor, and
// the other file skips the items that it has. An invalid item becomes a note for an admin and
// does not block the rest.
type Downlink struct {
	Roster  *roster.Roster
	Library *library.Library
	Erase   func(ctx context.Context, pupil string) error // starts to forget a pupil, may be called twice
	Policy  func(Policy) error                            // may be nil, because each State has the policy too
	Update  func(ctx context.Context, u *Update) error    // follows an update, or takes it back (nil); may be nil
	Note    func(Note) error                              // set by New if nil
	Log     *slog.Logger

	runMu sync.Mutex // held by PullAll
}

// PullAll fetches all items that the cloud has now. An error comes from the link or from the
// box's own disk, and the caller tries again.
func (d *Downlink) PullAll(ctx context.Context, sink Sink) error {
	if d.Roster == nil {
		return nil
	}
	d.runMu.Lock()
	defer d.runMu.Unlock()
	for {
		since, err := d.pullCursor()
		if err != nil {
			return err
		}
		p, err := sink.Pull(ctx, since, pageItems)
		if err != nil {
			return err
		}
		if err := p.checkOrder(since); err != nil {
			return err
		}
		if err := d.applyPage(ctx, p); err != nil || !p.More {
			return err
		}
	}
}

// CheckNewest compares n, the number of the cloud's newest item, with the cursors. If n is less,
// the cloud was restored from a backup and reuses those numbers for other items. Then the cursors
// restart at 0. n is 0 if the cloud has no items.
func (d *Downlink) CheckNewest(n uint64) error {
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
	d.Log.Warn("the cloud was restored from a backup: all items are fetched again", "seq", n)
	return d.ResetCursors()
}

// ResetCursors sets both cursors to 0, because another cloud numbers its items in another way.
// Objects that were fetched stay.
func (d *Downlink) ResetCursors() error {
	if d.Roster == nil {
		return nil
	}
	if err := d.Roster.ForgetDown(); err != nil {
		return err
	}
	return d.Library.ForgetDown()
}

// pullCursor returns the number of the last item that both files have.
func (d *Downlink) pullCursor() (uint64, error) {
	a, err := d.Roster.DownCursor()
	if err != nil {
		return 0, err
	}
	b, err := d.Library.DownCursor()
	return min(a, b), err
}

// checkOrder refuses a page that would skip items or never end.
func (p Page) checkOrder(since uint64) error {
	last := since
	for _, it := range p.Items {
		if it.N <= last {
			return errBadPage("item %d comes after %d", it.N, last)
		}
		last = it.N
	}
	switch {
	case p.Next < last:
		return errBadPage("the last item is %d and the page ends at %d", last, p.Next)
	case p.Next > maxItemNumber:
		return errBadPage("number %d is too large", p.Next)
	case p.More && p.Next == since:
		return errBadPage("the page says that more items follow %d and has none", since)
	}
	return nil
}

func errBadPage(format string, args ...any) error {
	return errs.NewCode("cloud.Pull", errs.Down, "bad_page", "the cloud's answer makes no sense: "+format, args...)
}

// applyPage applies the items of a page and then moves both cursors over it.
func (d *Downlink) applyPage(ctx context.Context, p Page) error {
	for _, it := range p.Items {
		if ctx.Err() != nil {
			return errs.New("cloud.Downlink", errs.Down, context.Cause(ctx))
		}
		if err := d.applyItem(ctx, it); err != nil {
			return err
		}
	}
	if err := d.Roster.SkipDown(p.Next); err != nil {
		return err
	}
	return d.Library.SkipDown(p.Next)
}

// applyItem applies one item. It turns an invalid item into a note.
func (d *Downlink) applyItem(ctx context.Context, it Item) error {
	err := d.applyByKind(ctx, it)
	switch errs.KindOf(err) {
	case errs.Down, errs.Busy: // the box's own disk: try again
		return err
	}
	if err == nil {
		return nil
	}
	d.Log.Warn("an item of the cloud was refused", "kind", it.Kind, "id", truncateText(it.ID), "seq", it.N, "err", err)
	return d.addNote(NoteRefused, it.Kind+" "+it.ID+": "+err.Error(), int(it.N)) // check bounds it
}

func (d *Downlink) applyByKind(ctx context.Context, it Item) error {
	if len(it.Data) > maxItem {
		return errs.NewField("cloud.Downlink", "data", "too_long", maxItem, "%d bytes, at most %d", len(it.Data), maxItem)
	}
	switch it.Kind {
	case ItemClass:
		return d.applyClass(it)
	case ItemQuiz:
		return d.applyQuiz(it)
	case ItemPolicy:
		return d.applyPolicy(it)
	case ItemErasure:
		return d.startErasure(ctx, it)
	case ItemPicture:
		return d.keepPicture(it)
	case ItemUpdate:
		return d.followUpdate(ctx, it)
	}
	d.Log.Warn("an item of the cloud has an unknown kind", "kind", truncateText(it.Kind), "seq", it.N)
	return d.addNote(NoteUnknown, it.Kind, int(it.N)) // check bounds it
}

func (d *Downlink) applyClass(it Item) error {
	var c Class
	if err := decodeItem(it, &c); err != nil {
		return err
	}
	if len(c.Pupils) > maxPupils {
		return errs.NewField("cloud.Downlink", "pupils", "too_many", maxPupils, "%d, at most %d", len(c.Pupils), maxPupils)
	}
	sent := roster.CloudClass{Name: c.Name}
	for _, p := range c.Pupils {
		sent.Pupils = append(sent.Pupils, roster.CloudPupil(p))
	}
	got, err := d.Roster.ApplyClass(it.N, it.ID, sent, it.Gone)
	if err != nil || !got.Done {
		return err
	}
	if got.Gone && got.Class != "" {
		err = d.addNote(NoteLeftClass, got.Name, 0)
	}
	if n := len(got.LeftOver); n > 0 && err == nil {
		err = d.addNote(NoteLeftPupils, got.Name, n)
	}
	if n := len(got.Problems); n > 0 && err == nil {
		err = d.addNote(NoteProblems, got.Name, n)
	}
	return err
}

func (d *Downlink) applyQuiz(it Item) error {
	var q item.Quiz
	if err := decodeItem(it, &q); err != nil {
		return err
	}
	got, err := d.Library.ApplyQuiz(it.N, it.ID, q, it.Gone)
	switch {
	case err != nil || !got.Done:
		return err
	case got.Kept != "":
		return d.addNote(NoteKeptQuiz, got.Title, 0)
	case got.Gone && got.Title != "":
		return d.addNote(NoteGoneQuiz, got.Title, 0)
	}
	return nil
}

func (d *Downlink) applyPolicy(it Item) error {
	var p Policy
	if err := decodeItem(it, &p); err != nil || it.Gone || d.Policy == nil {
		return err
	}
	return d.Policy(p)
}

// followUpdate hands an update on. The same one may come twice.
func (d *Downlink) followUpdate(ctx context.Context, it Item) error {
	if d.Update == nil {
		return d.addNote(NoteUnknown, it.Kind, int(it.N)) // check bounds it
	}
	if it.Gone {
		return d.Update(ctx, nil)
	}
	var u Update
	if err := decodeItem(it, &u); err != nil {
		return err
	}
	return d.Update(ctx, &u)
}

// userID matches a pupil's id as the roster makes it. Any other word must not be erased: the
// erasure would remove it from all facts.
var userID = regexp.MustCompile(`^p_[a-z2-7]{13}$`)

// startErasure starts the job that forgets a pupil and moves the roster's cursor. If the power
// fails between the two, the job runs twice, and the second run finds nothing.
func (d *Downlink) startErasure(ctx context.Context, it Item) error {
	var e Erasure
	if err := decodeItem(it, &e); err != nil || it.Gone {
		return err
	}
	if !userID.MatchString(e.Pupil) {
		return errs.NewField("cloud.Downlink", "pupil", "bad_id", 0, "is not a pupil's id")
	}
	if at, err := d.Roster.DownCursor(); err != nil || it.N <= at {
		return err
	}
	if err := d.Erase(ctx, e.Pupil); err != nil {
		return err
	}
	return d.Roster.SkipDown(it.N)
}

// decodeItem reads an item's data. It ignores unknown fields, because the cloud may be newer.
func decodeItem(it Item, v any) error {
	if it.Gone && len(it.Data) == 0 {
		return nil
	}
	if err := json.Unmarshal(it.Data, v); err != nil {
		return errs.NewField("cloud.Downlink", "data", "unreadable", 0, "not a valid %s: %w", it.Kind, err)
	}
	return nil
}

func (d *Downlink) addNote(code, what string, n int) error {
	if d.Note == nil {
		return nil
	}
	return d.Note(Note{Code: code, What: truncateText(what), N: n})
}

// truncateText returns the first maxWhat characters of s.
func truncateText(s string) string {
	r := []rune(s)
	return string(r[:min(len(r), maxWhat)])
}
