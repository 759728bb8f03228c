package signin

import (
	"context"
	"time"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/gateway/connlimit"
	"github.com/livelearn/box/services/gateway/httpapi"
)

// routes returns the sets of counts under which a guess may be checked, the best first. One
// set is the count of the device itself. The other is shared by the devices of an address.
// Callers without a cookie share one count for each address, and one machine has all addresses
// of an IPv6 /64. The further keys belong to each set.
func (a *API) routes(ctx context.Context, op string, further ...throttleKey) [][]throttleKey {
	r := httpapi.RequestOf(ctx)
	at := connlimit.Networks(connlimit.HostOf(r.RemoteAddr))
	own := throttleKey{op + " bare " + at[len(at)-1], TriesPerDevice, 0}
	id, counted := a.DeviceID(r)
	if id != "" {
		own.name = op + " device " + id
	}
	common := []throttleKey{own, {op + " box", TriesPerBox, time.Minute}}
	for i, at := range at {
		common = append(common, throttleKey{op + " at " + at, [...]int{TriesPerAddress, triesPerNetwork}[i], time.Minute})
	}
	routes := [][]throttleKey{append(common, further...)}
	if counted {
		routes = append([][]throttleKey{append([]throttleKey{own, {op + " known", TriesOfCounted, time.Hour}}, further...)}, routes...)
	}
	return routes
}

// checkSecret runs the check of a secret under the limits of one of the routes. An error with
// the code wrong counts as a wrong guess.
func (a *API) checkSecret(ctx context.Context, op string, routes [][]throttleKey, wrong string, check func() error) error {
	turn, err := a.throttle.admit(ctx, op, routes)
	if err != nil {
		return err
	}
	defer turn.done()
	err = check()
	switch {
	case err == nil && op != "join": // there are many lesson codes, so a right one resets nothing
		for _, k := range turn.keys {
			a.throttle.resetFailures(k)
		}
	case err != nil && errs.BodyOf(err).Code == wrong:
		for _, k := range turn.keys {
			a.throttle.countFailure(k)
		}
		if op == "join" && a.throttle.countGuess(time.Now()) {
			a.openLobbies(httpapi.RequestOf(ctx))
		}
		if turn.waited > 0 {
			return tooMany(op, turn.waited)
		}
	}
	return err
}

// CheckLessonCode runs f, which checks a lesson's code, under the limits on guessing.
func (a *API) CheckLessonCode(ctx context.Context, f func() error) error {
	return a.checkSecret(ctx, "join", a.routes(ctx, "join"), "no_lesson", f)
}
