package timesync

import (
	"context"
	"net"
	"time"

	"github.com/beevik/ntp"
	"golang.org/x/sys/unix"
)

// setClock sets the clock of the kernel.
func setClock(at time.Time) error {
	tv := unix.NsecToTimeval(at.UnixNano())
	return unix.Settimeofday(&tv)
}

// markSynced marks the clock of the kernel as synchronized, which programs can query
// (adjtimex(2)). A step of the clock clears the mark. So do nine hours without a new mark: the
// kernel adds 500 ppm of error, up to 16 s.
func markSynced() error {
	_, err := unix.Adjtimex(&unix.Timex{
		Modes: unix.ADJ_STATUS | unix.ADJ_MAXERROR | unix.ADJ_ESTERROR, Maxerror: minStep.Microseconds(), Esterror: minStep.Microseconds(),
	})
	return err
}

// queryServer asks one server for the offset (RFC 5905), for at most 5 s.
func queryServer(ctx context.Context, server string) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	stop := func() bool { return true }
	r, err := ntp.QueryWithOptions(server, ntp.QueryOptions{
		Timeout: 5 * time.Second,
		Dialer: func(_, remote string) (net.Conn, error) {
			var d net.Dialer
			c, err := d.DialContext(ctx, "udp", remote)
			if err == nil {
				stop = context.AfterFunc(ctx, func() { _ = c.Close() }) // stop the query when ctx ends
			}
			return c, err
		},
	})
	stop()
	if err != nil {
		return 0, err
	}
	return r.ClockOffset, r.Validate()
}
