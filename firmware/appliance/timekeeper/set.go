package timekeeper

import (
	"context"
	"net"
	"time"

	"github.com/beevik/ntp"
	"golang.org/x/sys/unix"
)

// setClock sets the kernel's clock.
func setClock(at time.Time) error {
	tv := unix.NsecToTimeval(at.UnixNano())
	return unix.Settimeofday(&tv)
}

// markRight tells the kernel that its clock was set by time servers, which programs can ask
// (adjtimex(2)). A step of the clock takes it back, and so do nine hours without another
// word: the kernel counts 500 ppm of error, up to 16 s.
func markRight() error {
	_, err := unix.Adjtimex(&unix.Timex{
		Modes: unix.ADJ_STATUS | unix.ADJ_MAXERROR | unix.ADJ_ESTERROR, Maxerror: smallest.Microseconds(), Esterror: smallest.Microseconds(),
	})
	return err
}

// query asks a server (RFC 5905), for at most 5 s.
func query(ctx context.Context, server string) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	stop := func() bool { return true }
	r, err := ntp.QueryWithOptions(server, ntp.QueryOptions{
		Timeout: 5 * time.Second,
		Dialer: func(_, remote string) (net.Conn, error) {
			var d net.Dialer
			c, err := d.DialContext(ctx, "udp", remote)
			if err == nil {
				stop = context.AfterFunc(ctx, func() { _ = c.Close() }) // nobody waits any more
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
