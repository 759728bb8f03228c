package staff

import (
	"context"
	"net/http"
	"strings"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/gateway/httpapi"
	"github.com/livelearn/box/services/roster"
)

// guardClasses refuses a teacher in front of each operation on a class or a lesson of another
// teacher. What does not exist is left to the operation.
func guardClasses(people *roster.Roster) func(httpapi.Caller, *http.Request) error {
	return func(c httpapi.Caller, r *http.Request) error {
		var err error
		switch path := r.URL.Path; {
		case strings.HasPrefix(path, "/api/classes/"):
			err = people.CheckTeaches(c.Person, r.PathValue("id"))
		case strings.HasPrefix(path, "/api/lessons/"):
			err = people.CheckTeachesLesson(c.Person, r.PathValue("id"))
		}
		if err != nil && errs.KindOf(err) == errs.Missing {
			return nil
		}
		return err
	}
}

// colleague is a teacher as other teachers see one.
type colleague struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type sharedWith struct {
	Teachers []string `json:"teachers" maxItems:"500" doc:"The ids of those who see and teach the class; empty: all teachers of the box. Admins see all."`
}

func (a *classAPI) registerTeachers(ops httpapi.Operations) {
	httpapi.Add(ops, http.MethodGet, "/api/colleagues", "colleagues", "The teachers of the box, to share a class with", httpapi.Staff,
		func(context.Context, *struct{}) (*httpapi.Body[[]colleague], error) {
			staff, err := a.roster.Staff()
			list := make([]colleague, len(staff))
			for i, s := range staff {
				list[i] = colleague{s.ID, s.Name}
			}
			return httpapi.ToResponse(list, err)
		})
	httpapi.Add(ops, http.MethodPut, "/api/classes/{id}/teachers", "shareClass", "Choose who sees and teaches a class", httpapi.Staff, a.shareClass,
		httpapi.Audited("class.shared", "id"))
}

// shareClass closes the sockets of teachers who are in the class and lost it.
func (a *classAPI) shareClass(ctx context.Context, in *httpapi.WithID[sharedWith]) (*httpapi.Body[roster.Class], error) {
	c, gone, err := a.roster.ShareClass(httpapi.CallerOf(ctx).Person, in.ID, in.Body.Teachers)
	for _, t := range gone {
		a.sessions.KickFromRoom(t, in.ID, "the class is not shared any more")
	}
	names := []string{}
	if staff, fault := a.roster.Staff(); fault == nil {
		for _, s := range staff {
			for _, id := range c.Teachers {
				if id == s.ID {
					names = append(names, s.Name)
				}
			}
		}
	}
	httpapi.Describe(ctx, "", strings.Join(names, ", "))
	return httpapi.ToResponse(c, err)
}
