// Package update installs a newer system on a box, and rolls it back if it fails.
//
//	upload, stick, address, neighbour -> chunks -> spare slot -> try -> health -> commit
//	                                                                \-> rollback
//
// Promises:
//   - Nothing is written before the signatures, the board and the build number of a bundle are
//     checked. No chunk is written before its sum is checked. A refused bundle changes nothing.
//   - The running slot is never written to. Until the new system was healthy for a while and is
//     committed, a failed start leads back to the old system.
//   - A lesson is never interrupted. A restart waits until no lesson is open, except for the
//     rollback of a failed trial, which is decided in the first minutes after a restart.
//   - Received data survives a dropped connection, a restart and a power cut, and is not sent
//     again. Data that the running system has is not sent at all, if the source serves ranges.
package update

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/services/egress"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/update/bundle"
)

// Config configures updates. Its zero value allows manual updates only.
type Config struct {
	Channel string // address of a channel file; empty: manual updates only
	Auto    bool   // install releases of the channel at night

	AllowPrivate bool // fetch also from addresses of the local network, not only of the internet
}

// Validate checks the channel address.
func (c Config) Validate() error {
	if c.Channel == "" {
		return nil
	}
	if _, err := parseAddress(c.Channel); err != nil {
		return errs.NewField("update", "update.channel", "bad_url", 0, "must be an http or https address")
	}
	return nil
}

// Deps are the dependencies of an Updater.
type Deps struct {
	Slots   hal.Slots // nil: this machine has one system only
	Board   string    // board that bundles must be for: "pc"
	Version string    // running version
	Build   int       // running build
	Data    int       // data format of the box
	ID      string    // random id of the box, for staged rollouts
	Root    []byte    // root.json of the running system
	Dir     string    // folder for the state and the trusted root

	Healthy    func() (ok bool, why string) // reports whether a lesson could be held now
	LessonOpen func() bool                  // reports whether a lesson is open
	FallsBack  func() error                 // nil, or why the firmware could not go back to the old system; may be nil
	Failure    func() (time.Time, string)   // time and reason of the last failure of the other slot; may be nil
	Sticks     func() ([]Stick, error)      // nil: no sticks
	Peers      func() []Neighbour           // nil: no neighbours

	Progress func(context.Context, Progress) error // reports what becomes of an offer; may be nil

	Proxy   func(*http.Request) (*url.URL, error) // chooses a web proxy; nil: none
	Now     func() time.Time                      // in the time zone of the school
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

// States of an update.
const (
	StateIdle       = "idle"
	StateReceiving  = "receiving"
	StateReceived   = "received"
	StateScheduled  = "scheduled"
	StateRestarting = "restarting"
	StateTrying     = "trying"
)

// Values of when an update is installed.
const (
	WhenNow   = "now"
	WhenIdle  = "idle"  // as soon as no lesson is open
	WhenNight = "night" // between nightFrom and nightTo, if no lesson is open
)

const (
	nightFrom = 2 // o'clock, local time
	nightTo   = 5
)

// Times of a trial.
const (
	healthyFor     = 10 * time.Second // healthy for this long without a break: commit
	trialTimeout   = 3 * time.Minute  // not committed after this time: roll back
	healthInterval = time.Second
)

// Release is a version that can be installed.
type Release struct {
	Version string `json:"version"`
	Build   int    `json:"build"`
	Notes   string `json:"notes,omitempty"`
	Size    int64  `json:"size"` // bytes of the bundle
}

// FallbackSlot is the system that stays bootable next to the running or received one.
type FallbackSlot struct {
	Version string   `json:"version,omitempty"` // empty: unknown
	Slot    hal.Slot `json:"slot"`
}

// Result is the result of the last update.
type Result struct {
	Version string    `json:"version"`
	From    string    `json:"from"`
	At      time.Time `json:"at"`
	Result  string    `json:"result" enum:"committed,rolled_back,refused"` // "committed", "rolled_back", "refused"
	Code    string    `json:"code,omitempty"`
	Reason  string    `json:"reason,omitempty"`
}

// Values of Result.Result.
const (
	ResultCommitted  = "committed"
	ResultRolledBack = "rolled_back"
	ResultRefused    = "refused"
)

// ChannelState is the last content of the channel.
type ChannelState struct {
	URL     string    `json:"url"`
	At      time.Time `json:"at"`
	Version string    `json:"version,omitempty"`
	Build   int       `json:"build,omitempty"`
	Percent int       `json:"percent"`
	Mine    bool      `json:"mine"` // this box is in the rollout
	Err     string    `json:"err,omitempty"`
}

// Status is the state that people see.
type Status struct {
	Supported  bool          `json:"supported"`
	Why        string        `json:"why,omitempty"` // code of the reason if it is not supported
	Version    string        `json:"version"`
	Build      int           `json:"build"`
	Slot       hal.Slot      `json:"slot,omitempty"`
	Trying     bool          `json:"trying"` // the running system is on trial
	State      string        `json:"state" enum:"idle,receiving,received,scheduled,restarting,trying"`
	Source     string        `json:"source,omitempty"`
	Received   int64         `json:"received"` // bytes of the bundle; an upload resumes here
	Total      int64         `json:"total"`
	Reused     int64         `json:"reused"` // bytes that this box already had
	Next       *Release      `json:"next,omitempty"`
	When       string        `json:"when,omitempty" enum:"idle,night"`
	Kept       *FallbackSlot `json:"kept,omitempty"` // stays bootable
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
	client  *http.Client // for addresses that an admin or the channel names
	boxes   *http.Client // for neighbours, which are in the local network

	receiving sync.Mutex // held while the spare slot is written

	mu      sync.Mutex
	state   state         // guarded by mu; on disk after saveState
	head    *bundle.Head  // guarded by mu; of the received bundle
	phase   string        // guarded by mu; one of the State constants
	channel *ChannelState // guarded by mu

	cancelOffer context.CancelFunc // guarded by mu; ends the fetch of an offer, nil while none runs
	offerFault  error              // guarded by mu; of the last fetch of the offer

	wake chan struct{} // holds one; wakes Serve
}

// New makes an updater and loads its state. It starts nothing before Serve.
func New(cfg Config, deps Deps) (*Updater, error) {
	address := &egress.Dialer{Setting: "update.allow_private", Field: "url"}
	neighbour := &egress.Dialer{Setting: address.Setting, Field: address.Field, Reach: egress.Neighbour}
	if cfg.AllowPrivate {
		address.Reach, neighbour.Reach = egress.Local, egress.Local
	}
	u := &Updater{cfg: cfg, deps: deps, metrics: newMetrics(deps.Metrics), phase: StateIdle, wake: make(chan struct{}, 1)}
	u.client, u.boxes = address.NewClient(deps.Proxy), neighbour.NewClient(deps.Proxy)
	return u, u.loadState()
}

// String returns the name of the service.
func (u *Updater) String() string { return "update" }

const op = "update"

func newRefusal(kind errs.Kind, code, format string, args ...any) error {
	return errs.NewCode(op, kind, code, format, args...)
}

// unsupported returns the code of the reason why this machine cannot be updated, or an empty text.
func (u *Updater) unsupported() string {
	switch {
	case u.deps.Slots == nil:
		return "no_slots"
	case len(u.deps.Root) == 0:
		return "no_keys"
	}
	return ""
}

// Status returns the state that people see.
func (u *Updater) Status(context.Context) Status {
	u.mu.Lock()
	defer u.mu.Unlock()
	s := Status{
		Why: u.unsupported(), Version: u.deps.Version, Build: u.deps.Build, State: u.phase, Source: u.state.Source,
		When: u.state.When, Last: u.state.Last, Channel: u.channel, Neighbours: []Neighbour{}, Sticks: []Stick{},
	}
	if s.Supported = s.Why == ""; !s.Supported {
		return s
	}
	if st, err := u.deps.Slots.State(); err == nil {
		s.Slot, s.Trying = st.Booted, st.Trying
		switch t := u.state.Trial; {
		case st.Trying && t != nil:
			s.Kept = &FallbackSlot{Version: t.From, Slot: st.SpareSlot()}
		case st.Trying || u.state.Other != "":
			s.Kept = &FallbackSlot{Version: u.state.Other, Slot: st.SpareSlot()}
		}
	}
	if u.head != nil {
		s.Next = &Release{u.head.Version, u.head.Build, u.head.Notes, u.head.DataAt + u.head.DataSize()}
		s.Total, s.Received, s.Reused = s.Next.Size, u.state.fileOffset(u.head), u.state.Reused
		s.Kept = nil // its slot is being written to
		if st, err := u.deps.Slots.State(); err == nil {
			s.Kept = &FallbackSlot{Version: u.deps.Version, Slot: st.Booted}
		}
	}
	if u.deps.Peers != nil {
		s.Neighbours = append(s.Neighbours, u.deps.Peers()...)
	}
	if u.deps.Sticks != nil {
		list, _ := u.deps.Sticks() // an unreadable stick counts as missing
		s.Sticks = append(s.Sticks, list...)
	}
	return s
}

// State returns one of the State constants. It is cheaper than Status.
func (u *Updater) State() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.phase
}
