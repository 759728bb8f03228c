package firmware

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/health"
	"github.com/livelearn/box/services/media"
	"github.com/livelearn/box/services/update"
)

// DataFormat is the format of all that a box keeps. It rises when a version before this one
// could not read what this one writes; an update that knows only an older one is refused.
const DataFormat = 1

// Release is the system that the program is part of, as its image says.
type Release struct {
	Board string // "pc", "pi": what an update must be for
	Build int    // rises with each release
	Root  []byte // root.json: whose updates it takes; nil: nobody's
}

// UpdatesDir is where the data folder has what updates keep.
const UpdatesDir = "updates"

// buildUpdate makes the updater. Only an appliance has one.
func (b *Box) buildUpdate() error {
	if b.parts.Board.Slots == nil {
		return nil
	}
	box, err := b.roster.Box()
	if err != nil {
		return err
	}
	b.near = &neighbours{own: box.ID, version: b.cfg.Version}
	b.updater, err = update.New(b.cfg.Update, update.Deps{
		Slots: b.parts.Board.Slots, Board: b.parts.Release.Board, Version: b.cfg.Version, Build: b.parts.Release.Build,
		Data: DataFormat, ID: box.ID, Root: b.parts.Release.Root, Dir: b.folder.Name(UpdatesDir),
		Healthy: b.wholesome, Lesson: b.lessonOpen, Failure: b.lastFailure, Sticks: b.parts.Sticks, Near: b.near.List,
		Now: time.Now, Log: b.log("update"), Metrics: b.registry,
	})
	return err
}

// lessonOpen tells whether a lesson is open. A roster that cannot tell is no reason to
// interrupt one.
func (b *Box) lessonOpen() bool {
	open, err := b.roster.Open()
	return err != nil || len(open) > 0
}

// wholesome tells whether a lesson could be held: every part is ready, the box answers at its
// own door, and what carries pictures is up.
func (b *Box) wholesome() (bool, string) {
	if ok, list := b.health.Ready(); !ok {
		for _, c := range list {
			if c.Level == health.Fail {
				return false, c.Name + ": " + c.Code + " " + c.Text
			}
		}
		return false, "not ready"
	}
	h := &heartbeat{health: b.health, port: b.port}
	if _, err := h.look(context.Background()); err != nil {
		return false, err.Error()
	}
	if b.nodes != nil && !b.mediaUp() {
		return false, "no media node is up"
	}
	return true, ""
}

func (b *Box) mediaUp() bool {
	for _, n := range b.nodes.States() {
		if n.Standing == media.InCharge {
			return true
		}
	}
	return false
}

// lastFailure is when and why the other slot failed last, if the first process saw it.
func (b *Box) lastFailure() (at time.Time, why string) {
	if b.parts.Door == nil {
		return at, ""
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	boot, err := b.parts.Door.Boot(ctx)
	if err != nil {
		return at, ""
	}
	other := string(hal.Slot(boot.Slot).Other())
	for i := len(boot.Failures) - 1; i >= 0; i-- {
		if f := boot.Failures[i]; f.Slot == other {
			return f.At, f.Why
		}
	}
	return at, ""
}

// ApplyUpdate gives a bundle to the box that runs on a data folder.
func ApplyUpdate(data string, bundle *os.File, when string) error {
	for _, step := range []struct {
		method, path string
		body         io.Reader
	}{{http.MethodPut, "/update", bundle}, {http.MethodPost, "/update?when=" + when, nil}} {
		req, err := http.NewRequest(step.method, "http://box"+step.path, step.body) //nolint:noctx // as long as it takes
		if err != nil {
			return err
		}
		resp, err := controlClient(data).Do(req)
		if err != nil {
			return fmt.Errorf("no box runs on %s: %w", data, err)
		}
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 4096)) // of a refusal
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("the box refuses: %s", text)
		}
	}
	return nil
}

// serveUpdate is the command line's way to the updater.
func (c *control) serveUpdate(w http.ResponseWriter, r *http.Request) {
	err := error(errs.Code("update", errs.Missing, "no_slots", "this box runs as a program on a machine of yours: update it there"))
	switch {
	case c.updater == nil:
	case r.Method == http.MethodPut:
		err = c.updater.Receive(r.Context(), r.Body, 0, "command line")
	default:
		err = c.updater.Install(r.Context(), r.URL.Query().Get("when"))
	}
	if err != nil {
		http.Error(w, err.Error(), errs.KindOf(err).Status())
	}
}
