package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/livelearn/box/services/audit"
	"github.com/livelearn/box/services/gateway/connlimit"
)

// Audit records what callers do.
type Audit struct {
	Log    *audit.Log   // nil: records nothing
	Errors *slog.Logger // for entries that cannot be written
}

// auditTimeout is how long a request waits for its entry.
const auditTimeout = 5 * time.Second

// Record writes an entry about the caller and the address of a request. It waits for the disk
// and continues when the client is gone. An entry that cannot be written does not undo the act,
// and an admin must be able to repair a box with a damaged journal: it is an error in the log.
func (a Audit) Record(r *http.Request, c Caller, e audit.Entry) {
	if e.By == "" {
		e.By, e.Name = c.User, c.Name
	}
	e.From = connlimit.HostOf(r.RemoteAddr)
	if c.User != "" && !c.IsStaff() {
		e.Name = "" // of a pupil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), auditTimeout)
	defer cancel()
	if err := a.Log.Record(ctx, e); err != nil {
		a.Errors.Error("an act is missing in the audit log", "kind", e.Action, "user", e.By, "err", err)
	}
}

const (
	auditedAction = "audit"
	freshPIN      = "fresh pin"
)

// Audited records each successful call of the operation under the action, before its answer
// leaves, and each call that was refused for the caller's role. The target is the part of the path
// with the given name, or empty.
func Audited(action, target string) func(*huma.Operation) {
	return func(op *huma.Operation) { setMetadata(op, auditedAction, [2]string{action, target}) }
}

// WithFreshPIN refuses callers who did not enter their PIN in the last minutes: see
// Callers.CheckFresh.
func WithFreshPIN(op *huma.Operation) { setMetadata(op, freshPIN, true) }

func setMetadata(op *huma.Operation, key string, value any) {
	if op.Metadata == nil {
		op.Metadata = map[string]any{}
	}
	op.Metadata[key] = value
}

// AuditedAction returns the action of Audited, or an empty text.
func AuditedAction(op huma.Operation) string {
	act, _ := op.Metadata[auditedAction].([2]string)
	return act[0]
}

// newAct returns the entry of an operation, or nil for one that is not audited.
func newAct(op huma.Operation, r *http.Request) *audit.Entry {
	act, ok := op.Metadata[auditedAction].([2]string)
	if !ok {
		return nil
	}
	return &audit.Entry{Action: act[0], Target: r.PathValue(act[1])}
}

// Describe adds a detail to the entry of the operation that runs with ctx. An empty target leaves
// the one of the path.
func Describe(ctx context.Context, target, detail string) {
	if act, ok := ctx.Value(actKey{}).(*audit.Entry); ok && act != nil {
		if act.Detail = detail; target != "" {
			act.Target = target
		}
	}
}

// auditAct records the operation that ran with ctx.
func (ops Operations) auditAct(ctx context.Context) {
	if act, ok := ctx.Value(actKey{}).(*audit.Entry); ok && act != nil {
		ops.Audit.Record(RequestOf(ctx), CallerOf(ctx), *act)
	}
}

// auditRefusal records that a person who is signed in may not call an audited operation.
func (ops Operations) auditRefusal(op huma.Operation, c Caller, r *http.Request) {
	if act := newAct(op, r); act != nil && c.User != "" {
		act.Refused = true
		ops.Audit.Record(r, c, *act)
	}
}
