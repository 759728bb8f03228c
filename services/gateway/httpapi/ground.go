package httpapi

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/livelearn/box/services/errs"
)

// Ground is what lies between the box and a caller, for staff.
type Ground string

// The grounds. Staff may not work on Open ground.
const (
	Secure  Ground = "secure"  // HTTPS
	Local   Ground = "local"   // the box's own machine
	Allowed Ground = "allowed" // plain HTTP from another machine, which the setting plain_staff allows
	Open    Ground = "open"    // plain HTTP from another machine
)

// GroundOf returns the ground of a request. The socket decides. A header such as
// X-Forwarded-Proto says nothing, because anybody can send it.
func (all *Callers) GroundOf(r *http.Request) Ground {
	switch {
	case r.TLS != nil:
		return Secure
	case IsLoopback(r):
		return Local
	case all.PlainStaff:
		return Allowed
	}
	return Open
}

// IsPrivate reports whether staff may work over the connection of a request.
func (all *Callers) IsPrivate(r *http.Request) bool { return all.GroundOf(r) != Open }

// tlsNeeded is the code of a request by staff that others in the network can read.
const tlsNeeded = "tls_needed"

func errTLSNeeded() error {
	return errs.NewCode("gateway", errs.Denied, tlsNeeded, "staff work over HTTPS, or on the box's own machine: open the box's https address")
}

const private = "private"

// WithTLS refuses requests that others in the network can read, before their body is read.
// Operations of staff need it not: Caller.CheckLevel refuses such requests.
func WithTLS(op *huma.Operation) { setMetadata(op, private, true) }
