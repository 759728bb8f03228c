package adminapi

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/livelearn/box/services/audit"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/gateway/httpapi"
	"github.com/livelearn/box/services/roster"
)

// auditAPI holds the operations on the audit log. Nothing changes it.
type auditAPI struct {
	log    *audit.Log // nil: this box has none
	roster *roster.Roster
}

const (
	auditPath     = "/api/admin/audit"
	auditPage     = 100     // entries of one answer
	maxAuditLines = 200_000 // of an export. A year of a busy school has fewer
)

type auditFilter struct {
	By     string `query:"by" maxLength:"64" doc:"The id of a user."`
	Action string `query:"action" maxLength:"64"`
	Text   string `query:"text" maxLength:"200" doc:"A part of the name, the address, the target or the detail."`
	From   int64  `query:"from" doc:"Milliseconds since 1970."`
	To     int64  `query:"to" doc:"The same; this and later ones are left out."`
	Before uint64 `query:"before" doc:"Only entries before this seq."`
}

// AuditEntry is an entry with the names that people know.
type AuditEntry struct {
	audit.Entry
	TargetName string `json:"targetName,omitempty" doc:"What the target is called now."`
}

// auditPageBody is a page of entries, newest first.
type auditPageBody struct {
	Entries []AuditEntry `json:"entries"`
	More    bool         `json:"more" doc:"There are older ones."`
	Actions []string     `json:"actions" doc:"All that an entry may tell."`
}

func (a *auditAPI) registerAudit(ops httpapi.Operations) {
	httpapi.Add(ops, http.MethodGet, auditPath, "auditLog", "Who did what, newest first", httpapi.Admin, a.list)
	httpapi.Add(ops, http.MethodGet, auditPath+"/check", "checkAuditLog", "Check each link of the audit log, and tell the first that is broken", httpapi.Admin,
		func(ctx context.Context, _ *struct{}) (*httpapi.Body[audit.Verified], error) {
			return httpapi.ToResponse(a.log.Verify(ctx))
		})
	httpapi.Add(ops, http.MethodGet, auditPath+".csv", "auditCSV", "The same as a spreadsheet", httpapi.Admin, a.downloadCSV, httpapi.WithFile("text/csv"),
		httpapi.Audited("audit.exported", ""))
}

func (a *auditAPI) list(ctx context.Context, in *auditFilter) (*httpapi.Body[auditPageBody], error) {
	list, more, err := a.read(ctx, in, auditPage)
	return httpapi.ToResponse(auditPageBody{list, more, audit.Actions}, err)
}

// read returns the entries that a request asks for.
func (a *auditAPI) read(ctx context.Context, in *auditFilter, most int) ([]AuditEntry, bool, error) {
	if in.To != 0 && in.To < in.From {
		return nil, false, errs.NewField("gateway.audit", "to", "before_from", in.From, "must not be before from")
	}
	list, more, err := a.log.List(ctx, audit.Filter(*in), most)
	if err != nil {
		return nil, false, err
	}
	out := make([]AuditEntry, len(list))
	names := map[string]string{}
	for i, e := range list {
		out[i] = AuditEntry{e, a.nameOf(names, e.Target)}
	}
	return out, more, nil
}

// nameOf returns what an id is called, or an empty name. names holds what is known already.
func (a *auditAPI) nameOf(names map[string]string, id string) string {
	if name, ok := names[id]; ok || id == "" {
		return name
	}
	name := ""
	switch kind, _, _ := strings.Cut(id, "_"); kind {
	case "p":
		if p, err := a.roster.Pupil(id); err == nil {
			name = p.Name
		}
	case "c":
		if c, err := a.roster.Class(id); err == nil {
			name = c.Name
		}
	case "l":
		if l, err := a.roster.Lesson(id); err == nil {
			name = l.ClassName
			if l.Title != "" && l.Title != l.ClassName {
				name += ": " + l.Title
			}
		}
	case "t":
		staff, _ := a.roster.Staff() // none when it cannot be read
		for _, s := range staff {
			names[s.ID] = s.Name
		}
		name = names[id]
	}
	names[id] = name
	return name
}

// auditCSV is the answer to a download.
type auditCSV struct {
	ContentType string `header:"Content-Type"`
	Cache       string `header:"Cache-Control"`
	Disposition string `header:"Content-Disposition"`
	Body        []byte
}

func (a *auditAPI) downloadCSV(ctx context.Context, in *auditFilter) (*auditCSV, error) {
	list, more, err := a.read(ctx, in, maxAuditLines)
	if err != nil {
		return nil, err
	}
	if more {
		return nil, errs.NewField("gateway.audit", "from", "too_many", maxAuditLines, "more than %d entries: ask for a shorter time", maxAuditLines)
	}
	entries := make([]audit.Entry, len(list))
	for i, e := range list {
		if entries[i] = e.Entry; e.TargetName != "" {
			entries[i].Target = e.TargetName + " (" + e.Target + ")"
		}
	}
	var b bytes.Buffer
	if err := audit.WriteCSV(&b, entries, a.roster.Zone()); err != nil {
		return nil, err
	}
	httpapi.Describe(ctx, "", fmt.Sprintf("%d entries", len(entries)))
	name := fmt.Sprintf(`attachment; filename="livelearn-audit-%s.csv"`, time.Now().UTC().Format("20060102-150405"))
	return &auditCSV{ContentType: "text/csv; charset=utf-8", Cache: "no-store", Disposition: name, Body: b.Bytes()}, nil
}
