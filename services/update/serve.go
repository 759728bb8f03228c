package update

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/livelearn/box/services/egress"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/update/bundle"
)

const (
	schedulePeriod = 30 * time.Second
	channelPeriod  = time.Hour
	channelFirst   = 2 * time.Minute // first query after the start
	maxChannelFile = 1 << 20         // bytes
)

// Serve decides a trial, and then follows the schedule and the channel until ctx ends. A system
// without keys can be on trial too: an administrator installed its program.
func (u *Updater) Serve(ctx context.Context) error {
	if u.deps.Slots == nil {
		<-ctx.Done()
		return nil
	}
	st, err := u.deps.Slots.State()
	if err != nil {
		return errs.New(op, errs.Down, err)
	}
	if err := u.settleTrial(st); err != nil {
		return err
	}
	if st.Trying {
		if err := u.watchTrial(ctx); err != nil || ctx.Err() != nil {
			return err
		}
	}
	if u.unsupported() != "" {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(schedulePeriod)
	defer tick.Stop()
	ask := time.Now().Add(channelFirst)
	offers := offerSchedule{}
	for {
		u.installIfDue(ctx)
		if now := time.Now(); u.cfg.Channel != "" && now.After(ask) {
			ask = now.Add(channelPeriod)
			u.followChannel(ctx)
		}
		offers.follow(ctx, u)
		select {
		case <-ctx.Done():
			return nil
		case <-u.wake:
		case <-tick.C:
		}
	}
}

// installIfDue installs a scheduled update if it is due and no lesson is open.
func (u *Updater) installIfDue(ctx context.Context) {
	u.mu.Lock()
	due := u.phase == StateScheduled && (u.state.When == WhenIdle || u.state.When == WhenNight && isNight(u.deps.Now()))
	u.mu.Unlock()
	if !due || u.deps.LessonOpen() {
		return
	}
	if err := u.startInstall(ctx); err != nil && ctx.Err() == nil {
		u.deps.Log.Warn("the update is not installed yet", "err", err)
	}
}

func isNight(t time.Time) bool { return t.Hour() >= nightFrom && t.Hour() < nightTo }

// followChannel queries the channel. With Auto it fetches a newer release and schedules it,
// unless that release has failed on this box before.
func (u *Updater) followChannel(ctx context.Context) {
	c, state, err := u.fetchChannel(ctx)
	if err != nil {
		state.Err = err.Error()
	}
	u.mu.Lock()
	u.channel = &state
	want := err == nil && state.Mine && c.Build > max(u.deps.Build, u.state.Newest, u.state.Failed) && !u.state.Whole
	u.mu.Unlock()
	if !want || !u.cfg.Auto {
		return
	}
	if err := u.Fetch(ctx, c.URL); err != nil {
		u.deps.Log.Warn("the update of the channel was not fetched", "err", err, "saved", u.noteFailedBuild(c.Build, err))
		return
	}
	if err := u.Install(ctx, WhenNight); err != nil {
		u.deps.Log.Warn("the update of the channel is not installed", "err", err)
	}
}

// noteFailedBuild makes the channel skip a build that was refused for its content. A failure of the
// line or of the disk, or a refused address, says nothing about a build.
func (u *Updater) noteFailedBuild(build int, why error) error {
	if errs.KindOf(why) != errs.Invalid || egress.IsRefusal(why) != nil {
		return nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.state.Failed = max(u.state.Failed, build)
	return u.saveState()
}

// fetchChannel fetches and verifies the channel file.
func (u *Updater) fetchChannel(ctx context.Context) (c bundle.Channel, state ChannelState, err error) {
	state = ChannelState{URL: u.cfg.Channel, At: u.deps.Now()}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.cfg.Channel, nil)
	if err != nil {
		return c, state, err
	}
	resp, err := u.client.Do(req)
	if err != nil {
		return c, state, requestError(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return c, state, statusError(resp)
	}
	u.mu.Lock()
	root := u.deps.Root
	u.mu.Unlock()
	c, _, err = bundle.ReadChannel(io.LimitReader(resp.Body, maxChannelFile), root)
	if err == nil && c.Board != u.deps.Board {
		err = newRefusal(errs.Invalid, "wrong_board", "the channel is for the board %q, this box is %q", c.Board, u.deps.Board)
	}
	if err != nil {
		return c, state, err
	}
	state.Version, state.Build, state.Percent = c.Version, c.Build, c.Percent
	state.Mine = isInRollout(u.deps.ID, c.Build, c.Percent)
	base, err := url.Parse(u.cfg.Channel)
	if err != nil {
		return c, state, err
	}
	at, err := base.Parse(c.URL)
	if err != nil {
		return c, state, errors.Join(newRefusal(errs.Invalid, "bad_url", "the channel's address cannot be read"), err)
	}
	c.URL = at.String()
	return c, state, nil
}

// isInRollout reports whether a box is among the first percent of the boxes that get a build. The
// order of the boxes differs for each build. A box within 10 percent is also within 20 percent.
func isInRollout(box string, build, percent int) bool {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(box), uint64(build)))
	return binary.BigEndian.Uint32(sum[:])%100 < uint32(percent)
}
