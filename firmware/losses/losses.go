// Package losses keeps the record of damaged and missing databases until an admin acknowledges
// them. Package firmware reads it before it opens the databases, a restore acknowledges what it
// brings back, and the doctor reads it.
//
// A loss stays in health until then, across restarts and power cuts.
package losses

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/livelearn/box/firmware/datafolder"
	"github.com/livelearn/box/hal/atomicfile"
	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/health"
)

// FileName is the file that records the databases of the folder and their losses. It is not in a
// backup, because it is about this folder.
const FileName = "losses.json"

// Loss is damage to one database.
type Loss struct {
	Database     string    `json:"database"`       // "roster.db"
	File         string    `json:"file,omitempty"` // the new name of the damaged file; empty: there is none
	Reason       string    `json:"reason,omitempty"`
	Missing      bool      `json:"missing,omitempty"` // the database was not there
	At           time.Time `json:"at"`                // when it was found
	Acknowledged bool      `json:"acknowledged,omitempty"`

	Saved    int    `json:"saved,omitempty"`     // values from the damaged file
	FromCopy int    `json:"from_copy,omitempty"` // values from its copy
	Pages    int    `json:"pages,omitempty"`     // pages that could not be read
	Values   int    `json:"values,omitempty"`    // single values that were damaged
	Whole    bool   `json:"whole,omitempty"`     // the copy had everything
	Lost     string `json:"lost,omitempty"`      // the facts that are missing, of the journal
}

// Losses is the content of the file. Any goroutine may call its methods.
type Losses struct {
	folder string

	mu   sync.Mutex // guards the fields below
	Seen []string   `json:"seen"` // databases that were there before
	List []Loss     `json:"losses"`
}

// kinds are the databases, the names of their checks, and the contents that are lost with each.
var kinds = []struct{ file, check, what string }{
	{datafolder.JournalFile, "journal", "answers, chat, marks and attendance of the lessons before"},
	{datafolder.RosterFile, "roster", "classes, pupils, cards, past lessons, and teachers who are not admins"},
	{datafolder.LibraryFile, "library", "quizzes and decks"},
	{datafolder.CloudFile, "cloud_data", "the link to the cloud: link the box again"},
}

// Read reads the file and the folder, and changes neither. It also counts files that were set
// aside, because a power cut may come before they are recorded.
func Read(folder string, now time.Time) *Losses {
	l := &Losses{folder: folder}
	data, err := os.ReadFile(filepath.Join(folder, FileName))
	if err != nil || json.Unmarshal(data, l) != nil {
		l.Seen, l.List = Present(folder), nil
	}
	for _, k := range kinds {
		path := filepath.Join(folder, k.file)
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) && slices.Contains(l.Seen, k.file) {
			l.add(Loss{Database: k.file, Missing: true, At: now})
		}
		aside, _ := filepath.Glob(path + asideMark + "*") // a bad pattern finds nothing
		for _, file := range aside {
			l.add(Loss{Database: k.file, File: filepath.Base(file), At: asideAt(file, now)})
		}
	}
	return l
}

const asideMark = ".damaged-" // as services/journal names what it sets aside

// asideAt is the time in the name of a file that was set aside.
func asideAt(file string, now time.Time) time.Time {
	_, text, _ := strings.Cut(filepath.Base(file), asideMark)
	at, err := time.Parse("20060102T150405Z", text[:min(len(text), len("20060102T150405Z"))])
	if err != nil {
		return now
	}
	return at
}

// Present returns the databases that are in a folder. A folder with a roster has had a journal.
func Present(folder string) (seen []string) {
	for _, k := range kinds {
		_, err := os.Lstat(filepath.Join(folder, k.file))
		if k.file == datafolder.JournalFile && err != nil {
			_, err = os.Lstat(filepath.Join(folder, datafolder.RosterFile))
		}
		if err == nil {
			seen = append(seen, k.file)
		}
	}
	return seen
}

// add records a loss once.
func (l *Losses) add(loss Loss) {
	i := slices.IndexFunc(l.List, func(o Loss) bool {
		return o.Database == loss.Database && (loss.File != "" && o.File == loss.File ||
			loss.Missing && o.Missing && !o.Acknowledged || loss.File == "" && !loss.Missing && o.Reason == loss.Reason)
	})
	if i < 0 {
		l.List = append(l.List, loss)
	} else if o := l.List[i]; o.Reason == "" && o.Saved+o.FromCopy == 0 {
		loss.At = o.At
		l.List[i] = loss
	}
}

// Note records the damage that Open found in a database.
func (l *Losses) Note(database string, f checkedkv.OpenResult) {
	if f.Reason == "" && f.Salvage.FromCopy == 0 {
		return
	}
	loss := Loss{
		Database: database, Reason: f.Reason, At: time.Now().UTC(), Missing: f.Fresh && f.SetAside == "",
		Saved: f.Salvage.Saved, FromCopy: f.Salvage.FromCopy, Pages: f.Salvage.Pages, Values: f.Salvage.Values,
		Whole: f.Salvage.Whole, Lost: f.Missing,
	}
	if f.SetAside != "" {
		loss.At = asideAt(f.SetAside, loss.At)
		if loss.File, _ = filepath.Rel(l.folder, f.SetAside); loss.File == "" {
			loss.File = filepath.Base(f.SetAside)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.add(loss)
}

// Forget ends the losses of a file that was set aside: it is back in its place.
func (l *Losses) Forget(file string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.List = slices.DeleteFunc(l.List, func(o Loss) bool { return o.File == file })
}

// Save writes the file.
func (l *Losses) Save() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.write(filepath.Join(l.folder, FileName))
}

// write needs l.mu.
func (l *Losses) write(path string) error {
	data, err := json.MarshalIndent(l, "", " ")
	if err != nil {
		return errs.New("losses", errs.Internal, err)
	}
	if old, err := os.ReadFile(path); err == nil && string(old) == string(data) {
		return nil
	}
	if err := atomicfile.Write(path, 0o600, atomicfile.Bytes(data)); err != nil {
		return errs.New("losses", errs.Down, err)
	}
	return nil
}

// AcknowledgeIn marks what was lost of the databases, and writes that to a file at path.
func (l *Losses) AcknowledgeIn(path string, databases ...string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	old := slices.Clone(l.List)
	for i, o := range l.List {
		l.List[i].Acknowledged = o.Acknowledged || slices.Contains(databases, o.Database)
	}
	err := l.write(path)
	if err != nil {
		l.List = old
	}
	return err
}

// open gives the losses of a database that no admin has acknowledged: the worst code and a text.
func (l *Losses) open(database string) (code, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var lines []string
	for _, o := range l.List {
		if o.Database != database || o.Acknowledged {
			continue
		}
		at := o.At.UTC().Format("2006-01-02 15:04 UTC")
		switch {
		case o.File != "":
			code = "set_aside"
			lines = append(lines, fmt.Sprintf("%s: %s was damaged and set aside as %s; %s", at, database, o.File, o.describeSaved()))
		case o.Missing:
			code = cmp.Or(code, "db_missing")
			lines = append(lines, fmt.Sprintf("%s: %s was missing; %s", at, database, o.describeSaved()))
		default:
			code = cmp.Or(code, "damaged")
			lines = append(lines, fmt.Sprintf("%s: %s has damage that it survives", at, database))
		}
		if o.Reason != "" {
			lines[len(lines)-1] += " (" + o.Reason + ")"
		}
		if o.File != "" || o.Missing {
			lines = append(lines, "missing: "+o.describeMissing())
		}
	}
	return code, strings.Join(lines, "; ")
}

func (o Loss) describeSaved() string {
	switch {
	case o.Saved > 0 && o.FromCopy > 0:
		return fmt.Sprintf("%d entries were saved from it and %d from its copy", o.Saved, o.FromCopy)
	case o.Saved > 0:
		return fmt.Sprintf("%d entries were saved from it", o.Saved)
	case o.FromCopy > 0:
		return fmt.Sprintf("%d entries were saved from its copy", o.FromCopy)
	}
	return "a fresh one was begun"
}

// describeMissing names the lost data as exactly as they are known.
func (o Loss) describeMissing() string {
	what := ""
	for _, k := range kinds {
		if k.file == o.Database {
			what = k.what
		}
	}
	switch {
	case o.Lost != "":
		return o.Lost + " (of the " + what + ")"
	case o.Whole, o.Saved > 0 && o.Database == datafolder.JournalFile, o.Saved > 0 && o.Pages+o.Values == 0:
		return "nothing"
	case o.Missing && o.FromCopy > 0:
		return "at most what was changed after the copy was made (of the " + what + ")"
	case o.Saved+o.FromCopy > 0 && o.Pages > 0:
		return fmt.Sprintf("at most what was on %d damaged pages of 4 KiB (of the %s)", o.Pages, what)
	case o.Saved+o.FromCopy > 0:
		return fmt.Sprintf("%d entries (of the %s)", o.Values, what)
	}
	return what
}

// Show makes health report the losses that no admin has acknowledged.
func (l *Losses) Show(h *health.Health) {
	for _, k := range kinds {
		if code, text := l.open(k.file); code != "" {
			h.SetCheck(k.check, health.Warn, code, text)
		} else {
			h.SetCheck(k.check, health.OK, "", "")
		}
	}
}

// OpenTexts describes the losses that no admin has acknowledged, one text for each database.
func (l *Losses) OpenTexts() (list []string) {
	for _, k := range kinds {
		if code, text := l.open(k.file); code != "" {
			list = append(list, text)
		}
	}
	return list
}

// NoteFolder notes what the folder shows once all databases are open. All of them are there then.
func (l *Losses) NoteFolder() {
	now := Read(l.folder, time.Now())
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, loss := range now.List {
		l.add(loss)
	}
	l.Seen = l.Seen[:0]
	for _, k := range kinds {
		l.Seen = append(l.Seen, k.file)
	}
}

// AcknowledgeCheck marks what was lost of a database as known, by the name of its check in
// health. It returns the database. errs.Missing: there is nothing to acknowledge.
func (l *Losses) AcknowledgeCheck(check string) (database string, err error) {
	for _, k := range kinds {
		if code, _ := l.open(k.file); k.check == check && code != "" {
			return k.file, l.AcknowledgeIn(filepath.Join(l.folder, FileName), k.file)
		}
	}
	return "", errs.NewCode("firmware.acknowledge", errs.Missing, "missing", "there is nothing to acknowledge about %q", check)
}
