package update

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/update/bundle"
)

// What is kept in the folder.
const (
	stateFile = "update.json"
	headFile  = "head"      // of the bundle that is received
	rootFile  = "root.json" // the newest that is trusted
)

// state is what outlives a restart.
type state struct {
	Source string  `json:"source,omitempty"`
	Done   int     `json:"done"`   // chunks that are in the spare slot, from the first on
	Reused int64   `json:"reused"` // bytes of the bundle that were not needed
	Whole  bool    `json:"whole"`  // all of it is there and was read back
	When   string  `json:"when,omitempty"`
	Newest int     `json:"newest"`          // the highest build that was ever committed here
	Other  string  `json:"other,omitempty"` // version in the other slot, if it was good here
	Trial  *trial  `json:"trial,omitempty"`
	Last   *Result `json:"last,omitempty"`
}

// trial is an update that was asked for and is not decided.
type trial struct {
	Version string    `json:"version"`
	Build   int       `json:"build"`
	From    string    `json:"from"`
	Slot    hal.Slot  `json:"slot"`
	At      time.Time `json:"at"`
	Failed  time.Time `json:"failed,omitzero"`  // when the other slot had failed last: not this trial's fault
	Reason  string    `json:"reason,omitempty"` // why the new system gave up
	Back    bool      `json:"back,omitempty"`   // asked for by a person, to the version before
}

// at is how far into the bundle's file we are.
func (s *state) at(h *bundle.Head) int64 {
	places := h.Places()
	if s.Done < len(places) {
		return h.DataAt + places[s.Done].At
	}
	return h.DataAt + h.DataSize()
}

// load reads what was kept. What cannot be read was half written, or is not there yet.
func (u *Updater) load() error {
	if u.unsupported() != "" {
		return nil
	}
	if err := os.MkdirAll(u.deps.Dir, 0o700); err != nil {
		return errs.New(op, errs.Down, err)
	}
	data, err := os.ReadFile(filepath.Join(u.deps.Dir, stateFile))
	if err == nil && json.Unmarshal(data, &u.state) != nil {
		u.deps.Log.Warn("the state of updates could not be read; it begins anew")
		u.state = state{}
	}
	u.state.Newest = max(u.state.Newest, 0)
	if root, err := os.ReadFile(filepath.Join(u.deps.Dir, rootFile)); err == nil && bundle.Newer(root, u.deps.Root) {
		u.deps.Root = root
	}
	f, err := os.Open(filepath.Join(u.deps.Dir, headFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return errs.New(op, errs.Down, err)
	}
	defer func() { _ = f.Close() }()
	if u.head, err = bundle.ReadHead(f, u.deps.Root); err != nil {
		u.deps.Log.Warn("what was received is forgotten", "err", err)
		u.head, u.state.Done, u.state.Whole, u.state.When = nil, 0, false, ""
		return nil
	}
	u.now = Receiving
	if u.state.Whole {
		u.now = Received
	}
	if u.state.When != "" {
		u.now = Scheduled
	}
	return nil
}

// save keeps the state. Called with mu held.
func (u *Updater) save() error {
	data, err := json.Marshal(u.state)
	if err == nil {
		err = put(filepath.Join(u.deps.Dir, stateFile), data)
	}
	if err != nil {
		return errs.New(op, errs.Down, err)
	}
	return nil
}

// put replaces a file as a whole, also when the power goes.
func put(name string, data []byte) error {
	f, err := os.OpenFile(name+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(name+".new", name); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// forget drops what was received. Called with mu held.
func (u *Updater) forget() error {
	err := os.Remove(filepath.Join(u.deps.Dir, headFile))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	u.head, u.now = nil, Idle
	u.state.Source, u.state.Done, u.state.Reused, u.state.Whole, u.state.When = "", 0, 0, false, ""
	return errors.Join(err, u.save())
}
