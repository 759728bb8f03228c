package pupil

import (
	"context"
	"net/http"
	"net/netip"

	"github.com/livelearn/box/services/cluster/directory"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/gateway/connlimit"
	"github.com/livelearn/box/services/gateway/httpapi"
	"github.com/livelearn/box/services/gateway/relay"
	"github.com/livelearn/box/services/gateway/signin"
	"github.com/livelearn/box/services/roster"
)

// Ref names a lesson by its code or its key.
type Ref struct {
	Code string `json:"code,omitempty" doc:"Six digits."`
	Key  string `json:"key,omitempty" doc:"From the link in the QR code."`
}

type joinIn struct {
	Ref
	Pupil string `json:"pupil,omitempty" doc:"The pupil's id, from look."`
	Card  string `json:"card,omitempty" doc:"From the link on a pupil's card, instead of all the others."`
	// Ticket is a secret of 128 bits.
	Ticket string `json:"ticket,omitempty" doc:"Of a device that the teacher let in from the lobby, instead of all the others."`
}

type lookOut struct {
	Lesson struct {
		ID        string `json:"id"`
		Title     string `json:"title"`
		ClassName string `json:"className"`
		Lobby     bool   `json:"lobby,omitempty" doc:"This device waits until the teacher lets it in: ask for a name at /api/join/ask."`
	} `json:"lesson"`
	Names []roster.Name `json:"names"`
	// Elsewhere comes alone: the lesson and its names are at that box.
	Elsewhere *directory.Place `json:"elsewhere,omitempty" doc:"The lesson is at another box of the school."`
}

type looked struct {
	SetCookie []string `header:"Set-Cookie"`
	Body      lookOut
}

func (a *API) registerJoin(ops httpapi.Operations) {
	httpapi.Add(ops, http.MethodPost, "/api/join/look", "look", "The lesson under a code, and its names", httpapi.Anybody, a.lookUpLesson)
	httpapi.Add(ops, http.MethodPost, "/api/join", "join", "Take your name in a lesson", httpapi.Anybody, a.joinLesson)
}

// throttleCode runs f under the limits on guessing codes. The key in a link has 64 random bits
// and needs no limit.
func (a *API) throttleCode(ctx context.Context, r Ref, f func() error) error {
	if r.Code == "" {
		return f()
	}
	return a.SignIn.CheckLessonCode(ctx, f)
}

func (a *API) lookUpLesson(ctx context.Context, in *httpapi.Body[Ref]) (out *looked, err error) {
	var place directory.Place
	found := false
	err = a.throttleCode(ctx, in.Body, func() error {
		l, names, err := a.Roster.FindLesson(roster.Ref(in.Body), httpapi.CallerOf(ctx).Token)
		if errs.KindOf(err) == errs.Missing && a.Directory != nil {
			if place, found = a.Directory.Find(ctx, askFor(ctx, in.Body)); found {
				return nil
			}
		}
		if err != nil {
			return err
		}
		out = &looked{}
		if r := httpapi.RequestOf(ctx); a.Relay.HomeOf(r) != "" {
			out.SetCookie = relay.SetHome(r, "")
		}
		out.Body.Names = names
		out.Body.Lesson.ID, out.Body.Lesson.Title, out.Body.Lesson.ClassName = l.ID, l.Title, l.ClassName
		out.Body.Lesson.Lobby = l.Lobby
		return nil
	})
	if found { // not before: a box that hangs must not keep others from typing their codes
		return a.lookElsewhere(ctx, in.Body, place), nil
	}
	return out, err
}

// askFor is the question to other boxes for a code as people type it, or for the key of a link.
func askFor(ctx context.Context, ref Ref) directory.Question {
	from := connlimit.HostOf(httpapi.RequestOf(ctx).RemoteAddr)
	if ip, err := netip.ParseAddr(from); err == nil {
		from = ip.Unmap().WithZone("").String()
	}
	return directory.Question{Code: roster.NormaliseJoinCode(ref.Code), Key: ref.Key, From: from}
}

func (a *API) joinLesson(ctx context.Context, in *httpapi.Body[joinIn]) (out *signin.SignedIn, err error) {
	switch {
	case in.Body.Card != "":
		return a.joinCard(ctx, in.Body.Card)
	case in.Body.Ticket != "":
		return a.joinTicket(ctx, in.Body.Ticket)
	case in.Body.Pupil == "":
		return nil, errs.NewField("gateway.join", "pupil", "missing", 0, "say who you are")
	}
	err = a.throttleCode(ctx, in.Body.Ref, func() error {
		p, token, freed, err := a.Roster.JoinLesson(roster.Ref(in.Body.Ref), in.Body.Pupil, httpapi.CallerOf(ctx).Token)
		if err != nil {
			return err
		}
		if freed != "" {
			a.Sessions.Kick(freed, "", "this device joined under another name")
		}
		out = a.SignIn.SignIn(ctx, p, token)
		return nil
	})
	return out, err
}

// joinCard lets a pupil in by the card. The key on a card has 128 random bits, so guessing it
// is hopeless.
func (a *API) joinCard(ctx context.Context, card string) (*signin.SignedIn, error) {
	p, token, freed, moved, err := a.Roster.JoinCard(card, httpapi.CallerOf(ctx).Token)
	if err != nil {
		return nil, err
	}
	if moved {
		a.Sessions.Kick(p.User, "", "the pupil joined with the card")
	}
	if freed != "" {
		a.Sessions.Kick(freed, "", "this device joined under another name")
	}
	return a.SignIn.SignIn(ctx, p, token), nil
}
