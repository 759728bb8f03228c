package adminapi

import (
	"context"
	"net/http"

	"github.com/livelearn/box/services/gateway/httpapi"
	"github.com/livelearn/box/services/roster"
)

type staffIn struct {
	Name  string `json:"name"`
	PIN   string `json:"pin"`
	Admin bool   `json:"admin,omitempty"`
}

type pinIn struct {
	PIN string `json:"pin"`
}

func (a *accountAPI) registerAccounts(ops httpapi.Operations) {
	const one, settings = "/api/staff/{id}", "/api/admin/settings"
	httpapi.Add(ops, http.MethodGet, "/api/staff", "staff", "The teachers", httpapi.Admin,
		func(context.Context, *struct{}) (*httpapi.Body[[]roster.Staff], error) {
			return httpapi.ToResponse(a.roster.Staff())
		})
	httpapi.Add(ops, http.MethodPost, "/api/staff", "addStaff", "Add a teacher", httpapi.Admin,
		func(ctx context.Context, in *httpapi.Body[staffIn]) (*httpapi.Body[roster.Staff], error) {
			s, err := a.roster.AddStaff(ctx, in.Body.Name, in.Body.PIN, in.Body.Admin)
			httpapi.Describe(ctx, s.ID, describeStaff(s))
			return httpapi.ToResponse(s, err)
		}, httpapi.Audited("staff.added", ""), httpapi.WithFreshPIN)
	httpapi.Add(ops, http.MethodPatch, one, "changeStaff", "Rename a teacher, or make or unmake an admin", httpapi.Admin,
		func(ctx context.Context, in *httpapi.WithID[roster.StaffChange]) (*httpapi.Body[roster.Staff], error) {
			s, err := a.roster.ChangeStaff(in.ID, in.Body)
			httpapi.Describe(ctx, "", describeStaff(s))
			return httpapi.ToResponse(s, err)
		}, httpapi.Audited("staff.changed", "id"), httpapi.WithFreshPIN)
	httpapi.Add(ops, http.MethodPost, one+"/pin", "setPIN", "Give a teacher another PIN", httpapi.Admin, a.setPIN,
		httpapi.Audited("staff.pin_set", "id"), httpapi.WithFreshPIN)
	httpapi.Add(ops, http.MethodDelete, one, "deleteStaff", "Delete a teacher; never the last admin", httpapi.Admin,
		func(_ context.Context, in *httpapi.IDPath) (*struct{}, error) {
			if err := a.roster.DeleteStaff(in.ID); err != nil {
				return nil, err
			}
			a.sessions.Kick(in.ID, "", "an admin deleted this account")
			return nil, nil
		}, httpapi.Audited("staff.deleted", "id"), httpapi.WithFreshPIN)
	httpapi.Add(ops, http.MethodGet, settings, "settings", "The box's settings", httpapi.Admin,
		func(context.Context, *struct{}) (*httpapi.Body[roster.Settings], error) {
			return httpapi.ToResponse(a.roster.Settings())
		})
	httpapi.Add(ops, http.MethodPatch, settings, "changeSettings", "Change the box's settings", httpapi.Admin,
		func(_ context.Context, in *httpapi.Body[roster.SettingsChange]) (*httpapi.Body[roster.Settings], error) {
			return httpapi.ToResponse(a.roster.ChangeSettings(in.Body))
		}, httpapi.Audited("settings.changed", ""))
}

// describeStaff says whom an entry of the audit log is about, for the time after an account is
// deleted.
func describeStaff(s roster.Staff) string {
	if s.Admin {
		return s.Name + " (admin)"
	}
	return s.Name
}

// setPIN keeps the device of the admin signed in if the PIN is their own.
func (a *accountAPI) setPIN(ctx context.Context, in *httpapi.WithID[pinIn]) (*struct{}, error) {
	void, err := a.roster.SetPIN(ctx, in.ID, in.Body.PIN, httpapi.CallerOf(ctx).Token)
	a.kickDevices(in.ID, void)
	return nil, err
}
