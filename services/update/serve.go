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

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/update/bundle"
)

const (
	schedulePeriod = 30 * time.Second
	channelPeriod  = time.Hour
	channelFirst   = 2 * time.Minute // after the start
	maxChannelFile = 1 << 20         // bytes
)

// Serve decides a trial, and then keeps the schedule and the channel, until ctx ends.
func (u *Updater) Serve(ctx context.Context) error {
	if u.unsupported() != "" {
		<-ctx.Done()
		return nil
	}
	st, err := u.deps.Slots.State()
	if err != nil {
		return errs.New(op, errs.Down, err)
	}
	if err := u.settle(st); err != nil {
		return err
	}
	if st.Trying {
		if err := u.judge(ctx); err != nil || ctx.Err() != nil {
			return err
		}
	}
	tick := time.NewTicker(schedulePeriod)
	defer tick.Stop()
	ask := time.Now().Add(channelFirst)
	for {
		u.scheduled(ctx)
		if now := time.Now(); u.cfg.Channel != "" && now.After(ask) {
			ask = now.Add(channelPeriod)
			u.follow(ctx)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-u.wake:
		case <-tick.C:
		}
	}
}

// scheduled installs what is due.
func (u *Updater) scheduled(ctx context.Context) {
	u.mu.Lock()
	due := u.now == Scheduled && (u.state.When == WhenIdle || u.state.When == Night && night(u.deps.Now()))
	u.mu.Unlock()
	if !due || u.deps.Lesson() {
		return
	}
	if err := u.install(ctx); err != nil && ctx.Err() == nil {
		u.deps.Log.Warn("the update is not installed yet", "err", err)
	}
}

func night(t time.Time) bool { return t.Hour() >= nightFrom && t.Hour() < nightTo }

// follow looks what the channel says, and fetches what this box is to have.
func (u *Updater) follow(ctx context.Context) {
	c, state, err := u.ask(ctx)
	if err != nil {
		state.Err = err.Error()
	}
	u.mu.Lock()
	u.channel = &state
	want := err == nil && state.Mine && c.Build > max(u.deps.Build, u.state.Newest) && !u.state.Whole
	u.mu.Unlock()
	if !want || !u.cfg.Auto {
		return
	}
	if err := u.Fetch(ctx, c.URL); err != nil {
		u.deps.Log.Warn("the update of the channel was not fetched", "err", err)
		return
	}
	if err := u.Install(ctx, Night); err != nil {
		u.deps.Log.Warn("the update of the channel is not installed", "err", err)
	}
}

// ask gets the channel file.
func (u *Updater) ask(ctx context.Context) (c bundle.Channel, state ChannelState, err error) {
	state = ChannelState{URL: u.cfg.Channel, At: u.deps.Now()}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.cfg.Channel, nil)
	if err != nil {
		return c, state, err
	}
	resp, err := u.deps.Client.Do(req)
	if err != nil {
		return c, state, errs.New(op, errs.Down, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return c, state, refuse(errs.Down, "answer", "the server answers %s", resp.Status)
	}
	u.mu.Lock()
	root := u.deps.Root
	u.mu.Unlock()
	c, _, err = bundle.ReadChannel(io.LimitReader(resp.Body, maxChannelFile), root)
	if err == nil && c.Board != u.deps.Board {
		err = refuse(errs.Invalid, "wrong_board", "the channel is for the board %q, this box is %q", c.Board, u.deps.Board)
	}
	if err != nil {
		return c, state, err
	}
	state.Version, state.Build, state.Percent = c.Version, c.Build, c.Percent
	state.Mine = takesPart(u.deps.ID, c.Build, c.Percent)
	base, err := url.Parse(u.cfg.Channel)
	if err != nil {
		return c, state, err
	}
	at, err := base.Parse(c.URL)
	if err != nil {
		return c, state, errors.Join(refuse(errs.Invalid, "bad_url", "the channel's address cannot be read"), err)
	}
	c.URL = at.String()
	return c, state, nil
}

// takesPart tells whether a box is among the first percent that get a build. Which ones those
// are is another draw for each build, and a box that takes part at 10 percent does at 20.
func takesPart(box string, build, percent int) bool {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(box), uint64(build)))
	return binary.BigEndian.Uint32(sum[:])%100 < uint32(percent)
}
