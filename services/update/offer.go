package update

import (
	"context"
	"errors"
	"time"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/update/bundle"
)

// Offer is a release that the school's cloud wants on this box. It names a bundle and is no
// permission: the bundle is checked as each other one, by its signatures, its board and its build.
type Offer struct {
	Version string `json:"version"`
	Build   int    `json:"build"`
	URL     string `json:"url"`  // of the bundle
	When    string `json:"when"` // WhenIdle or WhenNight
	Try     int    `json:"try"`  // more than 1: install it even if it failed here before
}

// Validate checks every field against its bounds.
func (o Offer) Validate() error {
	if o.Version == "" || len(o.Version) > 80 {
		return errs.NewField(op, "version", "bad_version", 80, "must have 1 to 80 bytes")
	}
	if o.Build < 1 || o.Build > 1<<40 {
		return errs.NewField(op, "build", "bad_build", 1<<40, "must be 1 or more")
	}
	if o.When != WhenIdle && o.When != WhenNight {
		return errs.NewField(op, "when", "unknown", 0, "must be %q or %q", WhenIdle, WhenNight)
	}
	_, err := parseAddress(o.URL)
	return err
}

// States of an offer, in addition to those of an update.
const (
	OfferFetching  = "fetching"  // Reason has the last failure, if there was one
	OfferInstalled = "installed" // the box runs it, or a newer one
	OfferFailed    = "failed"    // it was refused, or it was rolled back
)

// Progress says what became of an offer.
type Progress struct {
	Build   int    `json:"build"`   // of the offer
	Try     int    `json:"try"`     // of the offer
	Version string `json:"version"` // that runs
	State   string `json:"state"`   // OfferFetching, OfferInstalled, OfferFailed, StateScheduled, StateRestarting or StateTrying
	Code    string `json:"code,omitempty"`
	Reason  string `json:"reason,omitempty"`
}

const (
	maxReason   = 300         // bytes of Progress.Reason
	offerPeriod = time.Minute // pause after a fetch that failed, doubled up to channelPeriod
)

// SetOffer remembers an offer. Serve follows it. Without an offer, it takes an earlier one back: what
// was fetched for it is dropped, unless the box is restarting into it.
func (u *Updater) SetOffer(_ context.Context, o *Offer) error {
	if o != nil {
		if err := o.Validate(); err != nil {
			return err
		}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if o != nil && u.state.Offer != nil && *o == *u.state.Offer {
		return nil
	}
	dropped := u.state.Offer != nil && u.head != nil && u.head.Build == u.state.Offer.Build && u.phase == StateScheduled
	if o != nil && o.Try > 1 && u.state.Failed == o.Build {
		u.state.Failed--
	}
	u.state.Offer, u.state.Told, u.offerFault = o, nil, nil
	if u.cancelOffer != nil {
		u.cancelOffer()
	}
	u.wakeScheduler()
	if dropped {
		return u.forgetReceived()
	}
	return u.saveState()
}

// offerSchedule says when Serve tries the offer again.
type offerSchedule struct {
	offer *Offer
	pause time.Duration
	again time.Time
}

// follow fetches a new offer at once, and one that failed after a pause. It reports the progress.
func (s *offerSchedule) follow(ctx context.Context, u *Updater) {
	u.mu.Lock()
	now := u.state.Offer
	u.mu.Unlock()
	if now != s.offer {
		*s = offerSchedule{offer: now, pause: offerPeriod}
	}
	u.reportProgress(ctx)
	if time.Now().Before(s.again) {
		return
	}
	if u.followOffer(ctx) {
		s.again, s.pause = time.Now().Add(s.pause), min(2*s.pause, channelPeriod)
	}
	u.reportProgress(ctx)
}

// followOffer fetches the offered release and schedules it. It reports whether to try again later.
func (u *Updater) followOffer(ctx context.Context) (retry bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	u.mu.Lock()
	o := u.state.Offer
	want := o != nil && o.Build > max(u.deps.Build, u.state.Newest, u.state.Failed) && u.phase != StateScheduled
	if want {
		u.cancelOffer = cancel
	}
	u.mu.Unlock()
	if !want {
		return false
	}
	err := u.fetchOffer(ctx, *o)
	u.mu.Lock()
	defer u.mu.Unlock()
	u.cancelOffer = nil
	if u.state.Offer != o { // it was taken back meanwhile
		return false
	}
	if u.offerFault = err; err != nil {
		u.deps.Log.Warn("the update of the cloud was not fetched", "version", o.Version, "err", err)
	}
	return err != nil
}

func (u *Updater) fetchOffer(ctx context.Context, o Offer) error {
	at, err := parseAddress(o.URL)
	if err != nil {
		return err
	}
	u.mu.Lock()
	whole, received := u.state.Whole, u.head
	u.mu.Unlock()
	switch {
	case whole && received.Build == o.Build:
		return u.Install(ctx, o.When)
	case whole && received.Build > o.Build:
		return newRefusal(errs.Stale, "newer_received", "build %d was received and waits for an admin", received.Build)
	}
	s := &bundleSite{url: o.URL, client: u.clientFor(o.URL), build: o.Build}
	if err := u.fetchFrom(ctx, s, at.Redacted()); err != nil {
		return errors.Join(err, u.noteFailedBuild(o.Build, err))
	}
	return u.Install(ctx, o.When)
}

// progress returns what became of the offer, or nil if there is none. The caller holds mu.
func (u *Updater) progress() *Progress {
	o := u.state.Offer
	if o == nil {
		return nil
	}
	p := &Progress{Build: o.Build, Try: o.Try, Version: u.deps.Version, State: OfferFetching}
	switch {
	case u.phase == StateTrying, u.phase == StateRestarting:
		p.State = u.phase
	case u.deps.Build >= o.Build:
		p.State = OfferInstalled
	case o.Build <= u.state.Newest:
		p.State, p.Code, p.Reason = OfferFailed, "older", "the box has had a newer build and was put back"
	case o.Build <= u.state.Failed:
		p.State = OfferFailed
		if r := u.state.Last; r != nil && r.Result != ResultCommitted {
			p.Code, p.Reason = r.Code, r.Reason
		}
	case u.phase == StateScheduled:
		p.State = StateScheduled
	case u.offerFault != nil:
		p.Code, p.Reason = errs.BodyOf(u.offerFault).Code, u.offerFault.Error()
	}
	p.Reason = p.Reason[:min(len(p.Reason), maxReason)]
	return p
}

// reportProgress reports the progress of the offer if it changed.
func (u *Updater) reportProgress(ctx context.Context) {
	u.mu.Lock()
	p := u.progress()
	told := u.state.Told
	u.mu.Unlock()
	if u.deps.Progress == nil || p == nil || told != nil && *told == *p {
		return
	}
	if err := u.deps.Progress(ctx, *p); err != nil {
		u.deps.Log.Debug("the progress of an update was not reported", "err", err)
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.state.Told = p; u.state.Offer == nil {
		u.state.Told = nil
	}
	if err := u.saveState(); err != nil {
		u.deps.Log.Warn("the state of updates was not saved", "err", err)
	}
}

// checkOffered refuses a bundle that is another one than the cloud offered. want is 0 without an offer.
func checkOffered(h *bundle.Head, want int) error {
	if want != 0 && h.Build != want {
		return newRefusal(errs.Invalid, "other_build", "the address has build %d, and the cloud offered build %d", h.Build, want)
	}
	return nil
}
