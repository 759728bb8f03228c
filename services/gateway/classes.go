package gateway

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/roster"
)

type named struct {
	Name string `json:"name"`
}

type pasted struct {
	Text string `json:"text" doc:"Names, one a line, as typed or pasted."`
	Dry  bool   `json:"dry,omitempty" doc:"Only tell what would come of it."`
}

type classIn[T any] struct {
	ID   string `path:"id" maxLength:"64"`
	Body T
}

// PupilPath names a pupil of a class.
type PupilPath struct {
	ID    string `path:"id" maxLength:"64"`
	Pupil string `path:"pupil" maxLength:"64"`
}

type pupilIn struct {
	PupilPath
	Body struct {
		Name *string  `json:"name,omitempty"`
		Time *float64 `json:"time,omitempty" doc:"Times as long for questions: 1 to 3."`
	}
}

func (g *Gateway) classesAPI(api huma.API) {
	const one, pupil = "/api/classes/{id}", "/api/classes/{id}/pupils/{pupil}"
	add(g, api, http.MethodGet, "/api/classes", "classes", "All classes with their pupils", staff,
		func(context.Context, *struct{}) (*body[[]roster.Class], error) {
			return answer(g.Roster.Classes())
		})
	add(g, api, http.MethodPost, "/api/classes", "addClass", "Add an empty class", staff,
		func(_ context.Context, in *body[named]) (*body[roster.Class], error) {
			return answer(g.Roster.AddClass(in.Body.Name))
		})
	add(g, api, http.MethodGet, one, "class", "One class", staff,
		func(_ context.Context, in *idPath) (*body[roster.Class], error) { return answer(g.Roster.Class(in.ID)) })
	add(g, api, http.MethodPatch, one, "renameClass", "Rename a class", staff,
		func(_ context.Context, in *classIn[named]) (*body[roster.Class], error) {
			return answer(g.Roster.RenameClass(in.ID, in.Body.Name))
		})
	add(g, api, http.MethodDelete, one, "deleteClass", "Delete a class and its list", staff,
		func(_ context.Context, in *idPath) (*struct{}, error) { return nil, g.Roster.DeleteClass(in.ID) })
	add(g, api, http.MethodPost, one+"/pupils", "addPupils", "Add names to a class; never deletes", staff,
		func(_ context.Context, in *classIn[pasted]) (*body[roster.Added], error) {
			return answer(g.Roster.AddNames(in.ID, in.Body.Text, in.Body.Dry))
		})
	add(g, api, http.MethodPatch, pupil, "changePupil", "Correct a pupil's name, or give more time", staff, g.changePupil)
	add(g, api, http.MethodDelete, pupil, "deletePupil", "Take a pupil off the list", staff,
		func(_ context.Context, in *PupilPath) (*struct{}, error) {
			if err := g.Roster.DeletePupil(in.ID, in.Pupil); err != nil {
				return nil, err
			}
			g.Sessions.Kick(in.Pupil, "", "taken off the class list")
			return nil, nil
		})
}

// changePupil changes what is given, the name first.
func (g *Gateway) changePupil(_ context.Context, in *pupilIn) (out *body[roster.Pupil], err error) {
	if in.Body.Name == nil && in.Body.Time == nil {
		return nil, errs.Field("gateway.changePupil", "name", "missing", 0, "there is nothing to change")
	}
	if in.Body.Name != nil {
		if out, err = answer(g.Roster.RenamePupil(in.ID, in.Pupil, *in.Body.Name)); err != nil {
			return nil, err
		}
	}
	if in.Body.Time != nil {
		return answer(g.Roster.SetTime(in.ID, in.Pupil, *in.Body.Time))
	}
	return out, nil
}

// answer makes a call's result a response.
func answer[T any](v T, err error) (*body[T], error) {
	if err != nil {
		return nil, err
	}
	return &body[T]{v}, nil
}
