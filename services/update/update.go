// Package update brings a box to a newer system and back.
//
//	upload, stick, address, neighbour -> chunks -> spare slot -> try -> health -> commit
//	                                                                \-> the slot before
//
// Promises:
//   - Nothing is written before the bundle's signatures, board and build number were checked,
//     and no chunk before its sum was. What is refused changes nothing.
//   - The running slot is never written to. Until the new system was healthy for a while and
//     is committed, every start that goes wrong ends in the one before.
//   - A lesson is never interrupted: a restart waits until no lesson is open, unless the update
//     is on trial and fails, which the first minutes after a restart decide.
//   - What was received stays over a drop, a restart and a power cut, and is not sent again;
//     what the running system already has is not sent at all, where the source can be asked
//     for pieces.
package update

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/update/bundle"
)

// Config is how a box takes updates. Its zero value works: by hand only.
type Config struct {
	Channel string // address of a channel file; empty: updates come by hand
	Auto    bool   // install what the channel brings, at night
}

// Validate checks the address.
func (c Config) Validate() error {
	if c.Channel == "" {
		return nil
	}
	if _, err := address(c.Channel); err != nil {
		return errs.Field("update", "update.channel", "bad_url", 0, "must be an http or https address")
	}
	return nil
}

// Deps are what the updater works with.
type Deps struct {
	Slots   hal.Slots // nil: this machine has one system only
	Board   string    // of bundles: "pc"
	Version string    // that runs
	Build   int       // that runs
	Data    int       // the format of the box's data
	ID      string    // the box's random id, for staged fleets
	Root    []byte    // root.json that came with the system
	Dir     string    // where progress and trust are kept

	Healthy func() (ok bool, why string) // whether a lesson could be held now
	Lesson  func() bool                  // whether one is open
	Failure func() (time.Time, string)   // when and why the other slot failed last, if the first process knows
	Sticks  func() ([]Stick, error)      // nil: no sticks
	Near    func() []Neighbour           // nil: no neighbours

	Client  *http.Client // nil: one with bounds of its own
	Now     func() time.Time
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

// Stick is a bundle on a USB stick.
type Stick struct {
	Path    string `json:"path"`
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	Build   int    `json:"build,omitempty"`
	Size    int64  `json:"size"` // bytes

	Open func() (io.ReadSeekCloser, error) `json:"-"`
}

// Neighbour is another box that runs a newer version.
type Neighbour struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Build   int    `json:"build"`
	URL     string `json:"url"`
}

// The states of an update.
const (
	Idle       = "idle"
	Receiving  = "receiving"
	Received   = "received"
	Scheduled  = "scheduled"
	Restarting = "restarting"
	Trying     = "trying"
)

// When an update is installed.
const (
	Now      = "now"
	WhenIdle = "idle"  // as soon as no lesson is open
	Night    = "night" // between nightFrom and nightTo, if no lesson is open
)

const (
	nightFrom = 2 // o'clock, local time
	nightTo   = 5
)

// Times of a trial.
const (
	healthyFor = 10 * time.Second // without a break, then it is committed
	trialTime  = 3 * time.Minute  // to get there
	lookEvery  = time.Second
)

// Release is a version that could be installed.
type Release struct {
	Version string `json:"version"`
	Build   int    `json:"build"`
	Notes   string `json:"notes,omitempty"`
	Size    int64  `json:"size"` // bytes of the bundle
}

// Kept is the system that stays bootable beside the one that runs or comes.
type Kept struct {
	Version string   `json:"version,omitempty"` // empty: not known
	Slot    hal.Slot `json:"slot"`
}

// Result is how the last update went.
type Result struct {
	Version string    `json:"version"`
	From    string    `json:"from"`
	At      time.Time `json:"at"`
	Result  string    `json:"result"` // "committed", "rolled_back", "refused"
	Code    string    `json:"code,omitempty"`
	Reason  string    `json:"reason,omitempty"`
}

// How an update went.
const (
	Committed  = "committed"
	RolledBack = "rolled_back"
	Refused    = "refused"
)

// ChannelState is what the channel said last.
type ChannelState struct {
	URL     string    `json:"url"`
	At      time.Time `json:"at"`
	Version string    `json:"version,omitempty"`
	Build   int       `json:"build,omitempty"`
	Percent int       `json:"percent"`
	Mine    bool      `json:"mine"` // this box takes part by now
	Err     string    `json:"err,omitempty"`
}

// Status is all that people see.
type Status struct {
	Supported  bool          `json:"supported"`
	Why        string        `json:"why,omitempty"` // why not: a code
	Version    string        `json:"version"`
	Build      int           `json:"build"`
	Slot       hal.Slot      `json:"slot,omitempty"`
	Trying     bool          `json:"trying"` // the running system is on trial
	State      string        `json:"state"`
	Source     string        `json:"source,omitempty"`
	Received   int64         `json:"received"` // bytes of the bundle: where an upload goes on
	Total      int64         `json:"total"`
	Reused     int64         `json:"reused"` // bytes that this box had already
	Next       *Release      `json:"next,omitempty"`
	When       string        `json:"when,omitempty"`
	Kept       *Kept         `json:"kept,omitempty"` // stays bootable
	Last       *Result       `json:"last,omitempty"`
	Channel    *ChannelState `json:"channel,omitempty"`
	Neighbours []Neighbour   `json:"neighbours"`
	Sticks     []Stick       `json:"sticks"`
}

// Updater is the updater of one box. Its methods may be called from any goroutine.
type Updater struct {
	cfg     Config
	deps    Deps
	metrics *metrics

	receiving sync.Mutex // held by the one who writes to the spare slot

	mu      sync.Mutex
	state   state         // guarded by mu; on disk after save
	head    *bundle.Head  // guarded by mu; of what is received
	now     string        // guarded by mu; the state
	channel *ChannelState // guarded by mu
	wake    chan struct{} // holds one: look at the schedule
}

// New makes an updater and reads what it kept. Nothing runs before Serve.
func New(cfg Config, deps Deps) (*Updater, error) {
	if deps.Client == nil {
		deps.Client = &http.Client{Transport: &http.Transport{
			ResponseHeaderTimeout: 30 * time.Second, TLSHandshakeTimeout: 15 * time.Second, MaxIdleConns: 2, IdleConnTimeout: time.Minute,
			Proxy: http.ProxyFromEnvironment,
		}}
	}
	u := &Updater{cfg: cfg, deps: deps, metrics: newMetrics(deps.Metrics), now: Idle, wake: make(chan struct{}, 1)}
	return u, u.load()
}

// String is the service's name.
func (u *Updater) String() string { return "update" }

const op = "update"

func refuse(kind errs.Kind, code, format string, args ...any) error {
	return errs.Code(op, kind, code, format, args...)
}

// unsupported is why this machine cannot be updated; empty: it can.
func (u *Updater) unsupported() string {
	switch {
	case u.deps.Slots == nil:
		return "no_slots"
	case len(u.deps.Root) == 0:
		return "no_keys"
	}
	return ""
}

// Status is how things are.
func (u *Updater) Status(context.Context) Status {
	u.mu.Lock()
	defer u.mu.Unlock()
	s := Status{
		Why: u.unsupported(), Version: u.deps.Version, Build: u.deps.Build, State: u.now, Source: u.state.Source,
		When: u.state.When, Last: u.state.Last, Channel: u.channel, Neighbours: []Neighbour{}, Sticks: []Stick{},
	}
	if s.Supported = s.Why == ""; !s.Supported {
		return s
	}
	if st, err := u.deps.Slots.State(); err == nil {
		s.Slot, s.Trying = st.Booted, st.Trying
		switch t := u.state.Trial; {
		case st.Trying && t != nil:
			s.Kept = &Kept{Version: t.From, Slot: st.Spare()}
		case st.Trying || u.state.Other != "":
			s.Kept = &Kept{Version: u.state.Other, Slot: st.Spare()}
		}
	}
	if u.head != nil {
		s.Next = &Release{u.head.Version, u.head.Build, u.head.Notes, u.head.DataAt + u.head.DataSize()}
		s.Total, s.Received, s.Reused = s.Next.Size, u.state.at(u.head), u.state.Reused
		s.Kept = nil // its slot is being written to
		if st, err := u.deps.Slots.State(); err == nil {
			s.Kept = &Kept{Version: u.deps.Version, Slot: st.Booted}
		}
	}
	if u.deps.Near != nil {
		s.Neighbours = append(s.Neighbours, u.deps.Near()...)
	}
	if u.deps.Sticks != nil {
		list, _ := u.deps.Sticks() // a stick that cannot be read is not there
		s.Sticks = append(s.Sticks, list...)
	}
	return s
}

// State is the word for how things are; cheaper than Status.
func (u *Updater) State() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.now
}
