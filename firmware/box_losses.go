package firmware

import "github.com/livelearn/box/firmware/datafolder"

// noteLosses records the damage that Open found. It runs once all databases are open.
func (b *Box) noteLosses() {
	b.losses.Note(datafolder.JournalFile, b.journal.OpenResult())
	b.losses.Note(datafolder.RosterFile, b.roster.OpenResult())
	b.losses.Note(datafolder.LibraryFile, b.library.OpenResult())
	b.losses.Note(datafolder.CloudFile, b.cloud.OpenResult())
	b.losses.NoteFolder()
	b.saveLosses()
	b.losses.Show(b.health)
}

// saveLosses writes the file. A disk that is full does not keep a box from starting.
func (b *Box) saveLosses() {
	if err := b.losses.Save(); err != nil {
		b.loggerFor("firmware").Warn("what was lost is not noted on disk", "err", err)
	}
}

// acknowledge ends the warning about a database. Check is the name of its check in health.
// errs.Missing: there is no such warning.
func (b *Box) acknowledge(check string) error {
	file, err := b.losses.AcknowledgeCheck(check)
	if err != nil {
		return err
	}
	b.loggerFor("firmware").Info("an admin has acknowledged a loss", "path", file)
	b.losses.Show(b.health)
	return nil
}
