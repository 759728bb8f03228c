package pupil

import (
	"context"
	"mime"
	"net/http"
	"path"
	"time"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/gateway/httpapi"
	"github.com/livelearn/box/services/roster"
	"github.com/livelearn/box/services/session"
)

type lessonView struct {
	Lesson roster.Lesson   `json:"lesson"`
	People []roster.Member `json:"people"`
}

type roomQuery struct {
	Room string `query:"room" maxLength:"64" doc:"For staff; a pupil has one room."`
}

// getLesson returns what a page needs to show a room, including the names behind the ids.
func (a *API) getLesson(ctx context.Context, in *roomQuery) (*httpapi.Body[lessonView], error) {
	c := httpapi.CallerOf(ctx)
	id := c.Room
	if c.IsStaff() {
		id = in.Room
		if err := a.Roster.CheckTeaches(c.Person, id); errs.KindOf(err) == errs.Denied && err != nil {
			return nil, err
		}
	} else if in.Room != "" && in.Room != id {
		return nil, errs.NewCode("gateway.lesson", errs.Denied, "other_room", "this room is not yours")
	}
	l, err := a.Roster.LessonIn(id)
	if err != nil {
		return nil, err
	}
	people, err := a.Roster.People(id)
	if !c.IsStaff() {
		l.Code, l.Key, l.Link = "", "", "" // only the teacher lets people in
	}
	return httpapi.ToResponse(lessonView{l, people}, err)
}

// serveSocket opens the lesson socket for a known person.
func (a *API) serveSocket(w http.ResponseWriter, r *http.Request) {
	if !httpapi.IsSameOrigin(r) {
		http.Error(w, "this page is not the box's", http.StatusForbidden)
		return
	}
	if home := a.Relay.HomeOf(r); home != "" {
		a.serveSocketOf(home, w, r)
		return
	}
	c := a.Callers.Identify(r)
	if token := r.URL.Query().Get("token"); token != "" {
		c = a.Callers.ByToken(r, token)
	}
	if err := c.CheckLevel(httpapi.Member); err != nil {
		httpapi.WriteError(w, c.StatusFor(err), err)
		return
	}
	id := session.Identity{User: c.User, Name: c.Name, Role: event.Pupil, Room: c.Room, Device: httpapi.DeviceOf(c.Token)}
	if c.IsStaff() {
		id.Role, id.Room = event.Teacher, ""
		id.MayEnter = func(room string) bool { return a.Roster.CheckTeaches(c.Person, room) == nil }
	}
	a.Sessions.Accept(w, r, id)
	// The token may have become void after the check above and before Kick could find the
	// session.
	if _, err := a.Roster.Authenticate(c.Token); err != nil && errs.KindOf(err) == errs.Denied {
		a.Sessions.Kick(c.User, id.Device, "signed out")
	}
}

// serveSlide serves a page image without a sign-in, because the key in its address is a secret
// of 128 bits. The image never changes, so browsers keep it.
func (a *API) serveSlide(w http.ResponseWriter, r *http.Request) {
	f, err := a.Decks.OpenImage(r.PathValue("deck"), r.PathValue("file"))
	if err != nil {
		httpapi.WriteError(w, errs.KindOf(err).HTTPStatus(), err)
		return
	}
	defer func() { _ = f.Close() }()
	w.Header().Set("Content-Type", mime.TypeByExtension(path.Ext(f.Name())))
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	http.ServeContent(w, r, "", time.Time{}, f)
}
