package staff

import (
	"context"
	"net/http"
	"strings"

	"github.com/livelearn/box/services/gateway/httpapi"
	"github.com/livelearn/box/services/roster"
)

// lobbyView is the lobby of a lesson as its teacher sees it.
type lobbyView struct {
	Open     bool             `json:"open" doc:"New devices wait until a teacher lets them in."`
	Guessing bool             `json:"guessing" doc:"Somebody is guessing codes of lessons."`
	Waiting  []roster.Waiting `json:"waiting" doc:"Those who wait, the longest waiting first."`
}

type lobbyChange struct {
	ID   string `path:"id" maxLength:"64"`
	Body struct {
		Open bool `json:"open"`
	}
}

type lobbyAnswer struct {
	ID   string `path:"id" maxLength:"64"`
	Body struct {
		Waiting []string `json:"waiting" minItems:"1" maxItems:"200" doc:"The ids of the requests."`
	}
}

func (a *lessonAPI) registerLobby(ops httpapi.Operations) {
	const lobby = "/api/lessons/{id}/lobby"
	httpapi.Add(ops, http.MethodGet, lobby, "lobby", "The devices that wait to be let into a lesson", httpapi.Staff, a.getLobby)
	httpapi.Add(ops, http.MethodPut, lobby, "setLobby", "Open or close the lobby of a lesson", httpapi.Staff, a.setLobby,
		httpapi.Audited("lobby.set", "id"))
	httpapi.Add(ops, http.MethodPost, lobby+"/admit", "admitWaiting", "Let devices of the lobby in", httpapi.Staff,
		func(ctx context.Context, in *lobbyAnswer) (*httpapi.Body[lobbyView], error) {
			return a.answerWaiting(ctx, in, true)
		},
		httpapi.Audited("lobby.admitted", "id"))
	httpapi.Add(ops, http.MethodPost, lobby+"/refuse", "refuseWaiting", "Refuse devices of the lobby", httpapi.Staff,
		func(ctx context.Context, in *lobbyAnswer) (*httpapi.Body[lobbyView], error) {
			return a.answerWaiting(ctx, in, false)
		},
		httpapi.Audited("lobby.refused", "id"))
}

func (a *lessonAPI) getLobby(_ context.Context, in *httpapi.IDPath) (*httpapi.Body[lobbyView], error) {
	l, err := a.roster.Lesson(in.ID)
	if err != nil {
		return nil, err
	}
	list, err := a.roster.WaitingDevices(in.ID)
	return httpapi.ToResponse(lobbyView{l.Lobby, a.guessing(), list}, err)
}

func (a *lessonAPI) setLobby(ctx context.Context, in *lobbyChange) (*httpapi.Body[lobbyView], error) {
	if err := a.roster.SetLobby(in.ID, in.Body.Open); err != nil {
		return nil, err
	}
	httpapi.Describe(ctx, "", map[bool]string{true: "open", false: "closed"}[in.Body.Open])
	return a.getLobby(ctx, &httpapi.IDPath{ID: in.ID})
}

func (a *lessonAPI) answerWaiting(ctx context.Context, in *lobbyAnswer, admit bool) (*httpapi.Body[lobbyView], error) {
	pupils, err := a.roster.AdmitWaiting(in.ID, in.Body.Waiting, admit)
	if err != nil {
		return nil, err
	}
	httpapi.Describe(ctx, "", strings.Join(pupils, " "))
	return a.getLobby(ctx, &httpapi.IDPath{ID: in.ID})
}
