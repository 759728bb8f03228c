package pupil

import (
	"context"
	"encoding/json"
	"mime"
	"net/http"
	"path"
	"time"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/gateway/httpapi"
	"github.com/livelearn/box/services/quiz"
	"github.com/livelearn/box/services/room"
)

// servePicture serves a picture of a question: to staff, and to a pupil when the question was opened
// in the lesson. A picture that the pupil may not see and one that does not exist are alike. A
// picture never changes, so the browser keeps it, but no cache that others use.
func (a *API) servePicture(w http.ResponseWriter, r *http.Request) {
	c, id := a.Callers.Identify(r), r.PathValue("id")
	err := c.CheckLevel(httpapi.Member)
	if err == nil && !c.IsStaff() {
		err = a.checkOpened(r.Context(), c.Room, id)
	}
	if err != nil {
		httpapi.WriteError(w, c.StatusFor(err), err)
		return
	}
	f, err := a.OpenPicture(id)
	if err != nil {
		httpapi.WriteError(w, errs.KindOf(err).HTTPStatus(), err)
		return
	}
	defer func() { _ = f.Close() }()
	w.Header().Set("Content-Type", mime.TypeByExtension(path.Ext(id)))
	w.Header().Set("Cache-Control", "private, max-age=31536000, immutable")
	http.ServeContent(w, r, "", time.Time{}, f)
}

// checkOpened asks the room whether a question with the picture was opened.
func (a *API) checkOpened(ctx context.Context, in, image string) error {
	data, err := json.Marshal(quiz.PictureRequest{Image: image})
	if err != nil {
		return errs.New("gateway.picture", errs.Internal, err)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_, err = a.Rooms.Call(ctx, in, room.Message{Name: "quiz.picture", By: event.Viewer{Role: event.Operator}, Data: data})
	return err
}
