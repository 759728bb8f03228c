package httpapi

import (
	"crypto/sha256"
	"sync"
	"time"

	"github.com/livelearn/box/services/errs"
)

// FreshFor is how long a PIN that was entered counts for what cannot be undone. A person who
// finds a device that is signed in, or takes its token, does not have the PIN.
const FreshFor = 5 * time.Minute

// freshPINs holds until when the PIN of each session is fresh. It is in memory, so a restart of
// the program asks for all of them again.
type freshPINs struct {
	mu    sync.Mutex
	until map[[sha256.Size]byte]time.Time
}

// MarkFresh notes that the person of a token has just entered the PIN.
func (all *Callers) MarkFresh(token string) {
	all.fresh.mu.Lock()
	defer all.fresh.mu.Unlock()
	now := time.Now()
	for key, until := range all.fresh.until {
		if now.After(until) {
			delete(all.fresh.until, key)
		}
	}
	if all.fresh.until == nil {
		all.fresh.until = map[[sha256.Size]byte]time.Time{}
	}
	all.fresh.until[sha256.Sum256([]byte(token))] = now.Add(FreshFor)
}

// CheckFresh returns an error (errs.Denied, code pin_needed) unless the caller has entered the PIN
// within FreshFor, with this token.
func (all *Callers) CheckFresh(c Caller) error {
	all.fresh.mu.Lock()
	defer all.fresh.mu.Unlock()
	if time.Now().Before(all.fresh.until[sha256.Sum256([]byte(c.Token))]) {
		return nil
	}
	return errs.NewCode("gateway", errs.Denied, "pin_needed", "enter your PIN again: this needs a PIN that was entered in the last %d minutes", int(FreshFor.Minutes()))
}
