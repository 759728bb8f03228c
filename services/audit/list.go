package audit

import (
	"context"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/sheet"
)

// The actions that the gateway records by more than one operation.
const (
	SignedIn = "staff.signed_in" // refused: a wrong PIN
	PINGiven = "pin.confirmed"   // refused: a wrong PIN
)

// Actions are all that an entry may tell, in the order of the admin's page.
var Actions = []string{
	SignedIn, PINGiven, "pin.changed", "box.claimed", "box.unclaimed", "box.paired", "box.removed",
	"pupil.exported", "pupil.erased", "results.opened", "results.exported", "recording.opened", "recording.deleted", "cards.opened", "cards.renewed", "label.opened",
	"backup.exported", "backup.received", "box.restored", "cloud.exported",
	"staff.added", "staff.changed", "staff.pin_set", "staff.deleted", "settings.changed", "class.shared", "lobby.set", "lobby.guessing", "lobby.admitted", "lobby.refused", "class.deleted", "pupil.removed",
	"update.received", "update.installed", "update.rolled_back", "cloud.linked", "cloud.left", "network.changed", "machine.restarted",
	"loss.acknowledged", "audit.exported",
}

// isView reports whether an action only opens something.
func isView(action string) bool { return strings.HasSuffix(action, ".opened") }

// Filter chooses entries. Empty fields choose all.
type Filter struct {
	By     string // user id
	Action string
	Text   string // a part of the name, the address, the target or the detail
	From   int64  // milliseconds since 1970, included
	To     int64  // the same, excluded
	Before uint64 // only entries with a lower seq
}

func (f Filter) has(e Entry) bool {
	if f.By != "" && e.By != f.By || f.Action != "" && e.Action != f.Action || e.At < f.From || f.To > 0 && e.At >= f.To || f.Before > 0 && e.Seq >= f.Before {
		return false
	}
	text := strings.ToLower(strings.TrimSpace(f.Text))
	return text == "" || strings.Contains(strings.ToLower(strings.Join([]string{e.Name, e.From, e.Target, e.Detail}, "\n")), text)
}

// List returns the last entries that the filter chooses, newest first, at most most of them, and
// whether there are more. It leaves out what cannot be read: Verify tells of it.
func (l *Log) List(ctx context.Context, f Filter, most int) (list []Entry, more bool, err error) {
	list = []Entry{} // never null for a client
	if l == nil {
		return list, false, nil
	}
	for e, err := range l.journal.Replay(Stream, 0) {
		switch {
		case ctx.Err() != nil:
			return nil, false, errs.New("audit.List", errs.Down, context.Cause(ctx))
		case err != nil && errs.KindOf(err) != errs.Corrupt:
			return nil, false, err
		case err != nil:
			continue
		}
		entry, _, ok := readEntry(e)
		if !ok || !f.has(entry) {
			continue
		}
		if list = append(list, entry); len(list) > most {
			list, more = list[1:], true
		}
	}
	slices.Reverse(list)
	return list, more, nil
}

// WriteCSV writes entries for a spreadsheet, with times in the given zone.
func WriteCSV(w io.Writer, list []Entry, zone *time.Location) error {
	out := sheet.NewWriter(w)
	rows := [][]string{{"seq", "time", "action", "refused", "times", "name", "user", "from", "target", "detail"}}
	for _, e := range list {
		rows = append(rows, []string{
			strconv.FormatUint(e.Seq, 10), time.UnixMilli(e.At).In(zone).Format(time.RFC3339), e.Action, strconv.FormatBool(e.Refused), strconv.Itoa(max(e.Times, 1)),
			sheet.Text(e.Name), sheet.Text(e.By), sheet.Text(e.From), sheet.Text(e.Target), sheet.Text(e.Detail),
		})
	}
	for _, row := range rows {
		if err := out.Write(row); err != nil {
			return errs.New("audit.WriteCSV", errs.Down, err)
		}
	}
	if err := out.Flush(); err != nil {
		return errs.New("audit.WriteCSV", errs.Down, err)
	}
	return nil
}
