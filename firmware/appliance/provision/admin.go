package provision

import (
	"regexp"
	"strconv"
	"time"

	"github.com/livelearn/box/services/errs"
)

// Bounds of a PIN's hash, so that a check of the PIN fits a small board.
const (
	maxHashMemory = 64 << 10 // KiB
	maxHashRounds = 10
	maxHashLanes  = 4
)

// hashPattern is the text of argon2id with a salt of 16 bytes and a key of 32.
var hashPattern = regexp.MustCompile(`^\$argon2id\$v=19\$m=(\d{1,6}),t=(\d{1,3}),p=(\d{1,3})\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$`)

// checkAdmin checks the admin of the file. Errors do not contain the hash.
func (b Box) checkAdmin() error {
	switch hash := b.AdminPIN.Reveal(); {
	case b.Admin == "" && hash == "":
		return nil
	case hash == "":
		return errs.NewField("", "box.admin", "missing", 0, `needs box.admin_pin, which "livelearn config pin" prints`)
	case b.Admin == "":
		return errs.NewField("", "box.admin_pin", "missing", 0, "needs box.admin, the admin's name")
	case !isLegible(b.Admin, maxAdmin):
		return errs.NewField("", "box.admin", "bad_name", maxAdmin, "the admin's name has 1 to %d characters that can be seen", maxAdmin)
	case !isHash(hash):
		return errs.NewField("", "box.admin_pin", "bad_hash", 0, `must be what "livelearn config pin" prints`)
	}
	return nil
}

// maxAdmin bounds the name of the admin, in characters, as the roster does.
const maxAdmin = 60

func isHash(text string) bool {
	m := hashPattern.FindStringSubmatch(text)
	if m == nil {
		return false
	}
	for i, most := range []int{maxHashMemory, maxHashRounds, maxHashLanes} {
		if n, err := strconv.Atoi(m[i+1]); err != nil || n < 1 || n > most {
			return false
		}
	}
	return true
}

// checkTimeZone refuses a time zone that is not in the IANA list.
func (b Box) checkTimeZone() error {
	if _, err := time.LoadLocation(b.TimeZone); err != nil || b.TimeZone == "Local" || len(b.TimeZone) > 64 {
		return errs.NewField("", "box.time_zone", "unknown", 0, `must be a time zone such as "Europe/Paris"`)
	}
	return nil
}
