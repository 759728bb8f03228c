package staff

import (
	"context"
	"net/http"
	"slices"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/gateway/httpapi"
	"github.com/livelearn/box/services/roster"
)

type pasted struct {
	Text string `json:"text" doc:"Names, one a line, as typed or pasted."`
	Dry  bool   `json:"dry,omitempty" doc:"Only tell what would come of it."`
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

func (a *classAPI) registerClasses(ops httpapi.Operations) {
	const one, pupil = "/api/classes/{id}", "/api/classes/{id}/pupils/{pupil}"
	httpapi.Add(ops, http.MethodGet, "/api/classes", "classes", "The classes of the caller with their pupils; an admin sees all", httpapi.Staff,
		func(ctx context.Context, _ *struct{}) (*httpapi.Body[[]roster.Class], error) {
			list, err := a.roster.Classes()
			return httpapi.ToResponse(slices.DeleteFunc(list, func(c roster.Class) bool { return !httpapi.CallerOf(ctx).MayTeach(c) }), err)
		})
	httpapi.Add(ops, http.MethodPost, "/api/classes", "addClass", "Add an empty class", httpapi.Staff,
		func(ctx context.Context, in *httpapi.Body[httpapi.Named]) (*httpapi.Body[roster.Class], error) {
			return httpapi.ToResponse(a.roster.AddClass(in.Body.Name, httpapi.CallerOf(ctx).OwnClass()...))
		})
	httpapi.Add(ops, http.MethodGet, one, "class", "One class", httpapi.Staff,
		func(_ context.Context, in *httpapi.IDPath) (*httpapi.Body[roster.Class], error) {
			return httpapi.ToResponse(a.roster.Class(in.ID))
		})
	httpapi.Add(ops, http.MethodPatch, one, "renameClass", "Rename a class", httpapi.Staff,
		func(_ context.Context, in *httpapi.WithID[httpapi.Named]) (*httpapi.Body[roster.Class], error) {
			return httpapi.ToResponse(a.roster.RenameClass(in.ID, in.Body.Name))
		})
	httpapi.Add(ops, http.MethodDelete, one, "deleteClass", "Delete a class and its list", httpapi.Staff,
		func(_ context.Context, in *httpapi.IDPath) (*struct{}, error) {
			return nil, a.roster.DeleteClass(in.ID)
		}, httpapi.Audited("class.deleted", "id"))
	httpapi.Add(ops, http.MethodPost, one+"/pupils", "addPupils", "Add names to a class; never deletes", httpapi.Staff,
		func(_ context.Context, in *httpapi.WithID[pasted]) (*httpapi.Body[roster.Added], error) {
			return httpapi.ToResponse(a.roster.AddNames(in.ID, in.Body.Text, in.Body.Dry))
		})
	httpapi.Add(ops, http.MethodPatch, pupil, "changePupil", "Correct a pupil's name, or give more time", httpapi.Staff, a.changePupil)
	httpapi.Add(ops, http.MethodDelete, pupil, "deletePupil", "Take a pupil off the list", httpapi.Staff,
		func(_ context.Context, in *PupilPath) (*struct{}, error) {
			if err := a.roster.DeletePupil(in.ID, in.Pupil); err != nil {
				return nil, err
			}
			a.sessions.Kick(in.Pupil, "", "taken off the class list")
			return nil, nil
		}, httpapi.Audited("pupil.removed", "pupil"))
}

// changePupil changes the given fields, the name first.
func (a *classAPI) changePupil(_ context.Context, in *pupilIn) (out *httpapi.Body[roster.Pupil], err error) {
	if in.Body.Name == nil && in.Body.Time == nil {
		return nil, errs.NewField("gateway.changePupil", "name", "missing", 0, "there is nothing to change")
	}
	if in.Body.Name != nil {
		if out, err = httpapi.ToResponse(a.roster.RenamePupil(in.ID, in.Pupil, *in.Body.Name)); err != nil {
			return nil, err
		}
	}
	if in.Body.Time != nil {
		return httpapi.ToResponse(a.roster.SetTime(in.ID, in.Pupil, *in.Body.Time))
	}
	return out, nil
}
