package staff

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/livelearn/box/services/audit"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/gateway/httpapi"
	"github.com/livelearn/box/services/results"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/roster"
)

type lessonIn struct {
	Class string `json:"class" doc:"The class's id."`
	Title string `json:"title,omitempty" doc:"Default: the class's name."`
	Quiz  string `json:"quiz,omitempty" doc:"The id of a quiz to take into the lesson."`
	Deck  string `json:"deck,omitempty" doc:"The id of a deck to take into the lesson."`
}

type released struct {
	ID   string `path:"id" maxLength:"64"`
	Body struct {
		Pupil string `json:"pupil"`
	}
}

func (a *lessonAPI) registerLessons(ops httpapi.Operations) {
	const one = "/api/lessons/{id}"
	httpapi.Add(ops, http.MethodGet, "/api/lessons", "lessons", "The open lessons", httpapi.Staff,
		func(ctx context.Context, _ *struct{}) (*httpapi.Body[[]roster.Lesson], error) {
			list, err := a.roster.OpenLessons()
			return httpapi.ToResponse(slices.DeleteFunc(list, func(l roster.Lesson) bool {
				return a.roster.CheckTeachesLesson(httpapi.CallerOf(ctx).Person, l.ID) != nil
			}), err)
		})
	httpapi.Add(ops, http.MethodPost, "/api/lessons", "startLesson", "Open a lesson for a class", httpapi.Staff, a.startLesson)
	httpapi.Add(ops, http.MethodPost, one+"/end", "endLesson", "End a lesson", httpapi.Staff, a.endLesson)
	httpapi.Add(ops, http.MethodPost, one+"/release", "releaseName", "Free a pupil's name for another device", httpapi.Staff, a.releaseName)
	a.registerLobby(ops)
	httpapi.Add(ops, http.MethodGet, one+"/qr.svg", "lessonQR", "The QR code that lets pupils in", httpapi.Staff, a.lessonQR, httpapi.WithFile("image/svg+xml"))
	httpapi.Add(ops, http.MethodGet, one+"/remote.svg", "remoteQR", "The QR code of the remote for the teacher's phone", httpapi.Staff, a.remoteQR, httpapi.WithFile("image/svg+xml"))
}

// callRoom sends a command to the room on behalf of the teacher and waits until it is on disk.
func (a *lessonAPI) callRoom(ctx context.Context, in, name string, payload any) error {
	data, err := json.Marshal(payload)
	if err != nil {
		return errs.New("gateway.tell", errs.Internal, err)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	by := event.Viewer{User: httpapi.CallerOf(ctx).User, Role: event.Teacher}
	_, err = a.rooms.Call(ctx, in, room.Message{Name: name, By: by, Data: data})
	return err
}

// startLesson writes the roster before it starts the lesson in the room. After a crash between
// the two, the lesson has a code, and a second press on Start reaches the room.
func (a *lessonAPI) startLesson(ctx context.Context, in *httpapi.Body[lessonIn]) (*httpapi.Body[roster.Lesson], error) {
	if err := a.roster.CheckTeaches(httpapi.CallerOf(ctx).Person, in.Body.Class); err != nil {
		return nil, err
	}
	_, before := a.roster.LessonIn(in.Body.Class)
	l, err := a.roster.StartLesson(httpapi.CallerOf(ctx).User, in.Body.Class, in.Body.Title)
	if err != nil {
		return nil, err
	}
	if before != nil && a.guessing() { // a teacher who closed the lobby of the lesson keeps it closed
		if l, err = a.openLobby(ctx, l); err != nil {
			return nil, err
		}
	}
	if err := a.callRoom(ctx, l.Room, "lesson.start", map[string]string{"lesson": l.ID, "title": l.Title}); err != nil {
		return nil, err
	}
	if err := a.grantExtraTime(ctx, l); err != nil {
		return nil, err
	}
	return httpapi.ToResponse(l, a.loadMaterials(ctx, l, in.Body.Quiz, in.Body.Deck))
}

// openLobby lets new devices wait in a lesson that starts while somebody guesses codes, as they wait
// in the lessons that were open when that began.
func (a *lessonAPI) openLobby(ctx context.Context, l roster.Lesson) (roster.Lesson, error) {
	if err := a.roster.SetLobby(l.ID, true); err != nil {
		return l, err
	}
	a.audit.Record(httpapi.RequestOf(ctx), httpapi.Caller{}, audit.Entry{Action: "lobby.guessing", Target: l.ID})
	return a.roster.Lesson(l.ID)
}

// endLesson ends the lesson in the room before it frees the devices, so that everybody sees
// the end.
func (a *lessonAPI) endLesson(ctx context.Context, in *httpapi.IDPath) (*httpapi.Body[roster.Lesson], error) {
	l, err := a.roster.Lesson(in.ID)
	if err != nil {
		return nil, err
	}
	open := l.Ended == 0
	if open {
		if err := a.callRoom(ctx, l.Room, "lesson.end", struct{}{}); err != nil {
			return nil, err
		}
	}
	l, pupils, err := a.roster.EndLesson(in.ID)
	if open && err == nil {
		a.enqueueResults(ctx, l)
	}
	a.peers.EndPasses(ctx)
	for _, p := range pupils {
		a.sessions.Kick(p, "", "the lesson has ended")
	}
	return httpapi.ToResponse(l, err)
}

func (a *lessonAPI) releaseName(_ context.Context, in *released) (*struct{}, error) {
	if err := a.roster.ReleaseName(in.ID, in.Body.Pupil); err != nil {
		return nil, err
	}
	a.sessions.Kick(in.Body.Pupil, "", "the teacher released the name")
	return nil, nil
}

func (a *lessonAPI) lessonQR(ctx context.Context, in *httpapi.IDPath) (*image, error) {
	l, err := a.openLesson(in.ID)
	if err != nil {
		return nil, err
	}
	return renderQR(ctx, a.addrs, l.Link)
}

// remoteQR leads to a page that asks for a PIN, so the code itself lets no one in.
func (a *lessonAPI) remoteQR(ctx context.Context, in *httpapi.IDPath) (*image, error) {
	l, err := a.openLesson(in.ID)
	if err != nil {
		return nil, err
	}
	return renderQR(ctx, a.addrs, "/remote/"+l.Room)
}

func (a *lessonAPI) openLesson(id string) (roster.Lesson, error) {
	l, err := a.roster.Lesson(id)
	if err == nil && l.Ended != 0 {
		err = errs.NewCode("gateway.qr", errs.Missing, "no_lesson", "the lesson has ended")
	}
	return l, err
}

// enqueueResults starts the job for the results of a lesson. The lesson ends even if that
// fails.
func (a *lessonAPI) enqueueResults(ctx context.Context, l roster.Lesson) {
	if _, err := a.jobs.Enqueue(ctx, results.NewJob(l, httpapi.CallerOf(ctx).User)); err != nil {
		a.log.Warn("could not start the job for results", "lesson", l.ID, "err", err)
	}
}
