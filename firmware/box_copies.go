package firmware

import (
	"context"
	"time"
)

// copyInterval is the time between two looks at what changed. A copy that is younger than the
// database costs what was changed since, and only where the database is damaged.
const copyInterval = 5 * time.Minute

// keepCopies writes the second copies of the databases until ctx ends.
func (b *Box) keepCopies(ctx context.Context, ready func()) error {
	ready()
	tick := time.NewTicker(copyInterval)
	defer tick.Stop()
	for {
		b.copyDatabases(true)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// copyDatabases writes copies of the databases that changed, and of the facts if the journal is
// open. A copy that fails is a warning: the database itself is whole.
func (b *Box) copyDatabases(facts bool) {
	warn := func(database string, err error) {
		if err != nil {
			b.loggerFor("firmware").Warn("the copy of a database is not written", "path", database, "err", err)
		}
	}
	if b.roster != nil {
		warn("roster", b.roster.Copy())
	}
	if b.library != nil {
		warn("library", b.library.Copy())
	}
	if b.cloud != nil {
		warn("cloud", b.cloud.Copy())
	}
	if b.journal != nil && facts {
		warn("journal", b.journal.CopySealed())
	}
}
