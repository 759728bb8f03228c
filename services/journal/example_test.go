package journal_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/journal"
)

// A room raises its epoch, appends facts, and reads them back from the disk.
func Example() {
	dir, err := os.MkdirTemp("", "journal")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	j, err := journal.Open(journal.Config{Path: filepath.Join(dir, "facts.db"), NoBallast: true}, slog.Default(), nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- j.Serve(ctx) }() // the box has a supervisor do this

	cursor, err := j.Raise(ctx, "room:7b")
	if err != nil {
		log.Fatal(err)
	}
	facts := []event.Event{
		{Kind: "chat.said", Data: []byte(`{"text":"hello"}`)},
		{Kind: "hand.raised", Data: []byte(`{}`)},
	}
	for n := range facts {
		facts[n].Stream, facts[n].Epoch, facts[n].Seq = "room:7b", cursor.Epoch, cursor.Seq+uint64(n)+1
	}
	durable := make(chan error, 1)
	j.Append(journal.Batch{Stream: "room:7b", Epoch: cursor.Epoch, Facts: facts}, func(err error) { durable <- err })
	if err := <-durable; err != nil {
		log.Fatal(err)
	}
	for fact, err := range j.Replay("room:7b", 0) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(fact.Seq, fact.Kind, string(fact.Data))
	}

	cancel()
	fmt.Println(<-served, j.Close())
	// Output:
	// 1 chat.said {"text":"hello"}
	// 2 hand.raised {}
	// <nil> <nil>
}
