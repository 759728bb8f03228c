package pupil

import (
	"context"
	"net/http"

	"github.com/livelearn/box/services/gateway/connlimit"
	"github.com/livelearn/box/services/gateway/httpapi"
	"github.com/livelearn/box/services/gateway/signin"
	"github.com/livelearn/box/services/roster"
)

type askIn struct {
	Ref
	Pupil string `json:"pupil" doc:"The pupil's id, from look."`
}

// ticketBody holds the ticket of a device in a lobby. It has 128 random bits, so guessing it is hopeless.
type ticketBody struct {
	Ticket string `json:"ticket"`
}

func (a *API) registerLobby(ops httpapi.Operations) {
	httpapi.Add(ops, http.MethodPost, "/api/join/ask", "askToJoin", "Ask for your name in a lesson whose teacher lets new devices in", httpapi.Anybody, a.askToJoin)
	httpapi.Add(ops, http.MethodPost, "/api/join/ticket", "checkTicket", "Whether the teacher has let the device in", httpapi.Anybody,
		func(_ context.Context, in *httpapi.Body[ticketBody]) (*httpapi.Body[roster.Ticket], error) {
			return httpapi.ToResponse(a.Roster.CheckTicket(in.Body.Ticket))
		})
	httpapi.Add(ops, http.MethodPost, "/api/join/leave", "leaveLobby", "Ask no longer, to choose another name", httpapi.Anybody,
		func(_ context.Context, in *httpapi.Body[ticketBody]) (*struct{}, error) {
			return nil, a.Roster.LeaveLobby(in.Body.Ticket)
		})
}

func (a *API) askToJoin(ctx context.Context, in *httpapi.Body[askIn]) (out *httpapi.Body[ticketBody], err error) {
	err = a.throttleCode(ctx, in.Body.Ref, func() error {
		ticket, err := a.Roster.EnterLobby(roster.Ref(in.Body.Ref), in.Body.Pupil, httpapi.CallerOf(ctx).Token, a.askerOf(ctx))
		out = &httpapi.Body[ticketBody]{Body: ticketBody{ticket}}
		return err
	})
	return out, err
}

// askerOf returns the device of a request. One without a count of its own gets a new id as often as it
// asks for one, so its network counts too.
func (a *API) askerOf(ctx context.Context) roster.Asker {
	r := httpapi.RequestOf(ctx)
	id, counted := a.SignIn.DeviceID(r)
	by := roster.Asker{Device: id}
	if !counted {
		networks := connlimit.Networks(connlimit.HostOf(r.RemoteAddr))
		by.Network = networks[len(networks)-1]
	}
	return by
}

func (a *API) joinTicket(ctx context.Context, ticket string) (*signin.SignedIn, error) {
	p, token, freed, moved, err := a.Roster.JoinTicket(ticket, httpapi.CallerOf(ctx).Token)
	if err != nil {
		return nil, err
	}
	if moved {
		a.Sessions.Kick(p.User, "", "the device that the teacher let in has the name")
	}
	if freed != "" {
		a.Sessions.Kick(freed, "", "this device joined under another name")
	}
	return a.SignIn.SignIn(ctx, p, token), nil
}
