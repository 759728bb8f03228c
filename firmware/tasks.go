package firmware

import (
	"context"
	"time"

	"github.com/livelearn/box/firmware/datafolder"
	"github.com/livelearn/box/firmware/privacy"
	"github.com/livelearn/box/firmware/resultsjob"
	"github.com/livelearn/box/services/deck"
	"github.com/livelearn/box/services/jobs"
)

// jobKinds returns the kinds of jobs of the queue.
func (b *Box) jobKinds() []jobs.Kind {
	pages := deck.InWorker(b.newWorker(deck.JobKind, deck.JobMemory, deck.JobTimeout))
	return []jobs.Kind{
		deck.NewKind(b.library.Decks, b.folder.PathOf(datafolder.CompiledDir), pages), b.newResultsJob().Kind(), b.newPrivacy().JobKind(), b.newFilmKind(),
	}
}

func (b *Box) newResultsJob() *resultsjob.Job {
	return &resultsjob.Job{
		Journal: b.journal, Roster: b.roster, Folder: b.folder.PathOf(datafolder.ResultsDir), Worker: b.newWorker("results", resultsjob.MemoryLimit, resultsjob.Timeout),
		ReportGrades: b.reportGrades,
	}
}

// newWorker returns a worker that runs one task in a process of this program.
func (b *Box) newWorker(task string, memory int64, timeout time.Duration) jobs.Worker {
	return jobs.NewWorker(b.parts.Program, task, memory, timeout)
}

// requeueDecks adds the jobs that decks lack once the queue has read its own: two jobs for a deck
// would only be idle.
func (b *Box) requeueDecks(ctx context.Context, ready func()) error {
	ready()
	select {
	case <-b.ready:
	case <-ctx.Done():
		return nil
	}
	return (&deck.Service{Store: b.library.Decks, Jobs: b.jobs, Log: b.loggerFor("deck")}).Requeue(ctx)
}

func (b *Box) newPrivacy() *privacy.Service {
	return &privacy.Service{
		Journal: b.journal, JournalPath: b.cfg.journalConfig().Path, Roster: b.roster, Jobs: func() *jobs.Jobs { return b.jobs }, EventDef: b.eventDef,
		Results: b.folder.PathOf(datafolder.ResultsDir), Recordings: b.folder.PathOf(datafolder.RecordingsDir), ReportErasure: b.reportErasure, Log: b.loggerFor("privacy"),
	}
}
