package update

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/atomicfile"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/update/bundle"
)

// Files in the folder of the updater.
const (
	stateFile = "update.json"
	headFile  = "head"      // head of the bundle that is being received
	rootFile  = "root.json" // newest trusted root.json
)

// state survives restarts.
type state struct {
	Source string  `json:"source,omitempty"`
	Done   int     `json:"done"`   // number of chunks in the spare slot, from the first on
	Reused int64   `json:"reused"` // bytes of the bundle that were not fetched
	Whole  bool    `json:"whole"`  // completely written and read back
	When   string  `json:"when,omitempty"`
	Newest int     `json:"newest"`          // highest build ever committed on this box
	Failed int     `json:"failed,omitzero"` // highest build that was rolled back or refused; the channel does not bring it again
	Other  string  `json:"other,omitempty"` // version in the other slot, if it was committed here
	Trial  *trial  `json:"trial,omitempty"`
	Last   *Result `json:"last,omitempty"`

	Offer *Offer    `json:"offer,omitempty"` // of the school's cloud
	Told  *Progress `json:"told,omitempty"`  // what the cloud was told last
}

// trial is a requested update without a result.
type trial struct {
	Version    string    `json:"version"`
	Build      int       `json:"build"`
	From       string    `json:"from"`
	Slot       hal.Slot  `json:"slot"`
	At         time.Time `json:"at"`
	Failed     time.Time `json:"failed,omitzero"`  // last failure of the other slot before this trial
	Reason     string    `json:"reason,omitempty"` // reason of the new system for its rollback
	IsRollback bool      `json:"back,omitempty"`   // a person requested the previous version
}

// fileOffset returns the position in the bundle file after the received chunks.
func (s *state) fileOffset(h *bundle.Head) int64 {
	places := h.ChunkPlaces()
	if s.Done < len(places) {
		return h.DataAt + places[s.Done].At
	}
	return h.DataAt + h.DataSize()
}

// loadState reads the saved state. It skips files that are missing or damaged.
func (u *Updater) loadState() error {
	if u.unsupported() != "" {
		return nil
	}
	if err := os.MkdirAll(u.deps.Dir, 0o700); err != nil {
		return errs.New(op, errs.Down, err)
	}
	data, err := os.ReadFile(filepath.Join(u.deps.Dir, stateFile))
	if err == nil && json.Unmarshal(data, &u.state) != nil {
		u.deps.Log.Warn("the state of updates is damaged and was reset")
		u.state = state{}
	}
	u.state.Newest = max(u.state.Newest, 0)
	if root, err := os.ReadFile(filepath.Join(u.deps.Dir, rootFile)); err == nil && bundle.NewerRoot(root, u.deps.Root) {
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
		u.deps.Log.Warn("the received update was dropped", "err", err)
		u.head, u.state.Done, u.state.Whole, u.state.When = nil, 0, false, ""
		return nil
	}
	u.phase = StateReceiving
	if u.state.Whole {
		u.phase = StateReceived
	}
	if u.state.When != "" {
		u.phase = StateScheduled
	}
	return nil
}

// saveState saves the state. The caller holds mu.
func (u *Updater) saveState() error {
	data, err := json.Marshal(u.state)
	if err == nil {
		err = atomicfile.Write(filepath.Join(u.deps.Dir, stateFile), 0o600, atomicfile.Bytes(data))
	}
	if err != nil {
		return errs.New(op, errs.Down, err)
	}
	return nil
}

// forgetReceived drops what was received. Called with mu held.
func (u *Updater) forgetReceived() error {
	err := os.Remove(filepath.Join(u.deps.Dir, headFile))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	u.head, u.phase = nil, StateIdle
	u.state.Source, u.state.Done, u.state.Reused, u.state.Whole, u.state.When = "", 0, 0, false, ""
	return errors.Join(err, u.saveState())
}
