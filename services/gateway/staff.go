package gateway

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

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

type newPIN struct {
	Old string `json:"old" doc:"The present PIN."`
	New string `json:"new"`
}

func (g *Gateway) staffAPI(api huma.API) {
	const one, settings = "/api/staff/{id}", "/api/admin/settings"
	add(g, api, http.MethodGet, "/api/staff", "staff", "The teachers", admin,
		func(context.Context, *struct{}) (*body[[]roster.Staff], error) { return answer(g.Roster.Staff()) })
	add(g, api, http.MethodPost, "/api/staff", "addStaff", "Add a teacher", admin,
		func(ctx context.Context, in *body[staffIn]) (*body[roster.Staff], error) {
			return answer(g.Roster.AddStaff(ctx, in.Body.Name, in.Body.PIN, in.Body.Admin))
		})
	add(g, api, http.MethodPatch, one, "changeStaff", "Rename a teacher, or make or unmake an admin", admin,
		func(_ context.Context, in *classIn[roster.StaffChange]) (*body[roster.Staff], error) {
			return answer(g.Roster.ChangeStaff(in.ID, in.Body))
		})
	add(g, api, http.MethodPost, one+"/pin", "setPIN", "Give a teacher another PIN", admin, g.setPIN)
	add(g, api, http.MethodDelete, one, "deleteStaff", "Delete a teacher; never the last admin", admin,
		func(_ context.Context, in *idPath) (*struct{}, error) {
			if err := g.Roster.DeleteStaff(in.ID); err != nil {
				return nil, err
			}
			g.Sessions.Kick(in.ID, "", "an admin deleted this account")
			return nil, nil
		})
	add(g, api, http.MethodPost, "/api/pin", "changePIN", "Change your own PIN", staff, g.changePIN)
	add(g, api, http.MethodGet, settings, "settings", "The box's settings", admin,
		func(context.Context, *struct{}) (*body[roster.Settings], error) { return answer(g.Roster.Settings()) })
	add(g, api, http.MethodPatch, settings, "changeSettings", "Change the box's settings", admin,
		func(_ context.Context, in *body[roster.SettingsChange]) (*body[roster.Settings], error) {
			return answer(g.Roster.ChangeSettings(in.Body))
		})
}

// setPIN leaves the admin's own device signed in, should the PIN be theirs.
func (g *Gateway) setPIN(ctx context.Context, in *classIn[pinIn]) (*struct{}, error) {
	void, err := g.Roster.SetPIN(ctx, in.ID, in.Body.PIN, callerOf(ctx).token)
	g.leave(in.ID, void)
	return nil, err
}

// changePIN is under the limits of guessing: whoever finds a teacher's device unlocked
// must not find the PIN out with it.
func (g *Gateway) changePIN(ctx context.Context, in *body[newPIN]) (*struct{}, error) {
	c := callerOf(ctx)
	keys := append(g.keys(ctx), key{name: "user " + c.User, limit: perDevice})
	return nil, g.guessed(ctx, "pin", keys, "wrong_pin", func() error {
		void, err := g.Roster.ChangePIN(ctx, c.User, in.Body.Old, in.Body.New, c.token)
		g.leave(c.User, void)
		return err
	})
}

// leave closes the sockets of devices whose tokens are void.
func (g *Gateway) leave(user string, void []string) {
	for _, hash := range void {
		g.Sessions.Kick(user, deviceOfHash(hash), "the PIN was changed")
	}
}
