package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/skip2/go-qrcode"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
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

type image struct {
	ContentType string `header:"Content-Type"`
	Body        []byte
}

type lessonView struct {
	Lesson roster.Lesson   `json:"lesson"`
	People []roster.Member `json:"people"`
}

type roomQuery struct {
	Room string `query:"room" maxLength:"64" doc:"For staff; a pupil has one room."`
}

func (g *Gateway) lessonsAPI(api huma.API) {
	const one = "/api/lessons/{id}"
	add(g, api, http.MethodGet, "/api/lessons", "lessons", "The open lessons", staff,
		func(context.Context, *struct{}) (*body[[]roster.Lesson], error) { return answer(g.Roster.Open()) })
	add(g, api, http.MethodPost, "/api/lessons", "startLesson", "Open a lesson for a class", staff, g.startLesson)
	add(g, api, http.MethodPost, one+"/end", "endLesson", "End a lesson", staff, g.endLesson)
	add(g, api, http.MethodPost, one+"/release", "releaseName", "Free a pupil's name for another device", staff, g.release)
	add(g, api, http.MethodGet, one+"/qr.svg", "lessonQR", "The QR code that lets pupils in", staff, g.lessonQR)
	add(g, api, http.MethodGet, "/api/lesson", "lesson", "The lesson in a room and its people", member, g.lesson)
}

// tell gives the room a command on the teacher's behalf and waits until it is on disk.
func (g *Gateway) tell(ctx context.Context, in, name string, payload any) error {
	data, err := json.Marshal(payload)
	if err != nil {
		return errs.New("gateway.tell", errs.Internal, err)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	by := event.Viewer{User: callerOf(ctx).User, Role: event.Teacher}
	_, err = g.Rooms.Call(ctx, in, room.Message{Name: name, By: by, Data: data})
	return err
}

// startLesson writes the roster first: a crash before the room knows leaves a lesson with
// a code, and pressing Start again tells the room.
func (g *Gateway) startLesson(ctx context.Context, in *body[lessonIn]) (*body[roster.Lesson], error) {
	l, err := g.Roster.StartLesson(callerOf(ctx).User, in.Body.Class, in.Body.Title)
	if err != nil {
		return nil, err
	}
	if err := g.tell(ctx, l.Room, "lesson.start", map[string]string{"lesson": l.ID, "title": l.Title}); err != nil {
		return nil, err
	}
	if err := g.allow(ctx, l); err != nil {
		return nil, err
	}
	return answer(l, g.bring(ctx, l, in.Body.Quiz, in.Body.Deck))
}

// endLesson tells the room first: everybody sees the end before the devices are let go.
func (g *Gateway) endLesson(ctx context.Context, in *idPath) (*body[roster.Lesson], error) {
	l, err := g.Roster.Lesson(in.ID)
	if err != nil {
		return nil, err
	}
	open := l.Ended == 0
	if open {
		if err := g.tell(ctx, l.Room, "lesson.end", struct{}{}); err != nil {
			return nil, err
		}
	}
	l, pupils, err := g.Roster.EndLesson(in.ID)
	if open && err == nil {
		g.ended(ctx, l)
	}
	g.endPasses(ctx)
	for _, p := range pupils {
		g.Sessions.Kick(p, "", "the lesson has ended")
	}
	return answer(l, err)
}

func (g *Gateway) release(_ context.Context, in *released) (*struct{}, error) {
	if err := g.Roster.Release(in.ID, in.Body.Pupil); err != nil {
		return nil, err
	}
	g.Sessions.Kick(in.Body.Pupil, "", "the teacher released the name")
	return nil, nil
}

// lesson is what a page needs to show a room: who the ids are.
func (g *Gateway) lesson(ctx context.Context, in *roomQuery) (*body[lessonView], error) {
	c := callerOf(ctx)
	id := c.Room
	if c.Staff() {
		id = in.Room
	} else if in.Room != "" && in.Room != id {
		return nil, errs.Code("gateway.lesson", errs.Denied, "other_room", "this room is not yours")
	}
	l, err := g.Roster.LessonIn(id)
	if err != nil {
		return nil, err
	}
	people, err := g.Roster.People(id)
	if !c.Staff() {
		l.Code, l.Key, l.Link = "", "", "" // the teacher lets people in
	}
	return answer(lessonView{l, people}, err)
}

func (g *Gateway) lessonQR(ctx context.Context, in *idPath) (*image, error) {
	l, err := g.Roster.Lesson(in.ID)
	if err != nil {
		return nil, err
	}
	if l.Ended != 0 {
		return nil, errs.Code("gateway.qr", errs.Missing, "no_lesson", "the lesson has ended")
	}
	return g.qr(ctx, l.Link)
}

// drawQR draws one path: a QR code of 33 modules has about 500 dark ones.
func drawQR(text string) ([]byte, error) {
	q, err := qrcode.New(text, qrcode.Medium)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	rows := q.Bitmap() // with its quiet zone
	n := len(rows)
	writef(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h%dv%dH0z"/><path d="`, n, n, n, n)
	for y, row := range rows {
		for x, dark := range row {
			if dark {
				writef(&b, "M%d %dh1v1h-1z", x, y)
			}
		}
	}
	b.WriteString(`"/></svg>`)
	return []byte(b.String()), nil
}
