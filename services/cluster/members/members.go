// Package members keeps the list of the boxes of one school, and the key of this box.
//
// A box is known by its key, a P-256 key that it makes at its first start and that never leaves it.
// There is no authority and no date: a connection is trusted if the key of the other side is on the
// list, so a box whose clock stands at 1990 is trusted too. See [Identity.TLS].
//
// Promises:
//   - Each box may add and remove others. [Merge] gives the same list in whatever order boxes hear
//     of the changes.
//   - A removal wins over all that was known of the box when it was removed. Only a new pairing
//     brings it back.
//   - At most [Max] boxes are members. Where two boxes add the last one at the same time, all boxes
//     leave out the same one.
package members

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/livelearn/box/services/errs"
)

const (
	Max      = 16  // boxes of one school
	MaxKnown = 256 // entries of the list, with the boxes that were removed

	maxName      = 240 // bytes: a box's name has up to 60 characters, of 4 bytes at most
	maxAddresses = 8
	maxAddress   = 64 // bytes
)

// Member is a box of the school, or one that was removed.
type Member struct {
	ID  string `json:"id"`  // the beginning of Key
	Key string `json:"key"` // SHA-256 of the public key, in hex

	// What the box says of itself. It raises the revision with each change.
	Name      string   `json:"name"`
	Addresses []string `json:"addresses"` // host:port at which it takes the connections of members
	Revision  uint64   `json:"revision"`

	// How it became a member. A pairing after a removal raises the term.
	Term      uint64 `json:"term"`
	AddedBy   string `json:"addedBy"` // id of a box
	Added     int64  `json:"added"`   // milliseconds since 1970, by that box's clock
	RemovedBy string `json:"removedBy,omitempty"`
	Removed   int64  `json:"removed,omitempty"` // 0: it is a member
}

// IsMember says that the box was added and not removed since.
func (m Member) IsMember() bool { return m.Removed == 0 }

// merge joins what two boxes know of one. It is commutative, associative and idempotent.
func (m Member) merge(o Member) Member {
	if cmp.Or(cmp.Compare(m.Revision, o.Revision), cmp.Compare(m.profile(), o.profile())) < 0 {
		m.Name, m.Addresses, m.Revision = o.Name, o.Addresses, o.Revision
	}
	switch {
	case m.Term < o.Term:
		m.Term, m.AddedBy, m.Added, m.RemovedBy, m.Removed = o.Term, o.AddedBy, o.Added, o.RemovedBy, o.Removed
	case m.Term == o.Term:
		m.Added, m.AddedBy = first(m.Added, m.AddedBy, o.Added, o.AddedBy)
		switch {
		case m.IsMember():
			m.Removed, m.RemovedBy = o.Removed, o.RemovedBy
		case !o.IsMember():
			m.Removed, m.RemovedBy = first(m.Removed, m.RemovedBy, o.Removed, o.RemovedBy)
		}
	}
	return m
}

// first returns the earlier of two acts, and of two at the same time the one of the smaller id.
func first(at int64, by string, otherAt int64, otherBy string) (int64, string) {
	if cmp.Or(cmp.Compare(at, otherAt), cmp.Compare(by, otherBy)) <= 0 {
		return at, by
	}
	return otherAt, otherBy
}

// profile is a text that differs where two boxes heard different things of one revision.
func (m Member) profile() string { return fmt.Sprintf("%q %q", m.Name, m.Addresses) }

// validate refuses an entry that no box writes.
func (m Member) validate() error {
	switch {
	case !isKey(m.Key) || m.ID != idOf(m.Key):
		return errs.NewField("members", "key", "bad_key", 0, "must be 64 hex digits, and the id their beginning")
	case len(m.Name) > maxName:
		return errs.NewField("members", "name", "too_long", maxName, "more than %d bytes", maxName)
	case len(m.Addresses) > maxAddresses:
		return errs.NewField("members", "addresses", "too_many", maxAddresses, "more than %d addresses", maxAddresses)
	case slices.ContainsFunc(m.Addresses, func(a string) bool { return !isAddress(a) }):
		return errs.NewField("members", "addresses", "bad_address", maxAddress, "must be host:port of at most %d bytes", maxAddress)
	case m.Term < 1 || m.Added < 1 || m.Removed < 0:
		return errs.NewField("members", "term", "bad_number", 1, "the term and the time must be positive")
	}
	return nil
}

// Merge joins two lists. The result has one entry for each box, in the order in which they were added.
func Merge(a, b []Member) []Member {
	all := map[string]Member{}
	for _, m := range slices.Concat(a, b) {
		if old, ok := all[m.Key]; ok {
			m = old.merge(m)
		}
		all[m.Key] = m
	}
	return slices.SortedFunc(maps.Values(all), func(x, y Member) int {
		return cmp.Or(cmp.Compare(x.Added, y.Added), cmp.Compare(x.Key, y.Key))
	})
}

// active are the members of a list that Merge made: the first Max that were not removed.
func active(list []Member) []Member {
	list = current(list)
	return list[:min(len(list), Max)]
}

// current are all that were not removed.
func current(list []Member) []Member {
	return slices.DeleteFunc(slices.Clone(list), func(m Member) bool { return !m.IsMember() })
}

func idOf(key string) string { return key[:min(len(key), 16)] }

func isKey(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == sha256.Size && hex.EncodeToString(b) == s
}

func isAddress(a string) bool {
	host, port, err := net.SplitHostPort(a)
	n, bad := strconv.ParseUint(port, 10, 16)
	return err == nil && bad == nil && n > 0 && host != "" && len(a) <= maxAddress && !strings.ContainsAny(host, "/@?# ")
}
