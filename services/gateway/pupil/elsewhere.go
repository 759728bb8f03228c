package pupil

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/livelearn/box/services/cluster"
	"github.com/livelearn/box/services/cluster/directory"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/event"
	"github.com/livelearn/box/services/gateway/httpapi"
	"github.com/livelearn/box/services/gateway/relay"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/roster"
	"github.com/livelearn/box/services/session"
)

// A person of a lesson of another box has a socket here. The box of the lesson knows the person by the
// token, and gives this box a grant for it. The grant goes with each join:
//
//	word = hash of the token, code of this box and the hash    (for the box that gave it)
//	key  = signs the person's joins and commands               (for the two boxes)
//
// The box looks the token up at each join, so a grant is worth as much as its token.
const (
	hashSize = sha256.Size
	wordSize = 2 * sha256.Size
)

// caller is a person as the box of the lesson describes them to the box of the socket.
type caller struct {
	User string `json:"user"`
	Name string `json:"name"`
	Role string `json:"role"`
	Room string `json:"room,omitempty"`
	Word []byte `json:"word"`
	Key  []byte `json:"key"`
}

// serveCaller tells another box who a person is.
func (a *API) serveCaller(w http.ResponseWriter, r *http.Request) {
	box := httpapi.BoxOf(r)
	if box == "" {
		httpapi.WriteError(w, http.StatusNotFound, errs.NewCode("gateway.caller", errs.Missing, "no_box", "only another box of the school asks this"))
		return
	}
	c := a.Callers.Identify(r)
	err := c.CheckLevel(httpapi.Member)
	var grant room.Grant
	if err == nil {
		grant, err = a.newGrant(box, c.Token)
	}
	if err != nil {
		httpapi.WriteError(w, c.StatusFor(err), err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(caller{c.User, c.Name, c.Role.String(), c.Room, grant.Word, grant.Key}) // fails only when the box is gone
}

func (a *API) newGrant(box, token string) (room.Grant, error) {
	secret, err := a.Roster.Secret()
	if err != nil {
		return room.Grant{}, err
	}
	hash := sha256.Sum256([]byte(token))
	word := append(hash[:], code(secret, "guest", box, string(hash[:]))...)
	return room.Grant{Word: word, Key: code(secret, "guest key", string(word))}, nil
}

func code(secret []byte, parts ...string) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(strings.Join(parts, "\x00"))) // a hash never fails to write
	return mac.Sum(nil)
}

// AdmitGuest returns who a guest is that another box brings, by the grant, and refuses a seat that is not
// theirs.
func (a *API) AdmitGuest(box string, s *room.Seat) (cluster.Admission, error) {
	const op = "gateway.admit"
	secret, err := a.Roster.Secret()
	if err != nil {
		return cluster.Admission{}, err
	}
	word := s.Grant.Word
	if len(word) != wordSize || !hmac.Equal(word[hashSize:], code(secret, "guest", box, string(word[:hashSize]))) {
		return cluster.Admission{}, errs.NewCode(op, errs.Denied, "bad_grant", "this box gave no such grant to that one")
	}
	p, err := a.Roster.AuthenticateHash(string(word[:hashSize]))
	if err == nil {
		err = a.checkSeat(p, s)
	}
	if err != nil {
		return cluster.Admission{}, err
	}
	return cluster.Admission{Name: p.Name, Device: httpapi.DeviceOfHash(string(word[:hashSize])), Key: code(secret, "guest key", string(word))}, nil
}

// checkSeat refuses a seat that a person may not take.
func (a *API) checkSeat(p roster.Person, s *room.Seat) error {
	v, own := s.Viewer, false
	switch v.Role {
	case event.Pupil, event.Teacher:
		own = v.User == p.User && v.Role == p.Role
	case event.Screen:
		own = v.User == "screen:"+p.User && p.IsStaff()
	}
	if !own || !p.IsStaff() && p.Room != s.Room {
		return errs.NewCode("gateway.admit", errs.Denied, "other_room", "this room is not yours")
	}
	if p.IsStaff() {
		return a.Roster.CheckTeaches(p, s.Room)
	}
	return nil
}

// serveSocketOf serves the socket of a person whose lesson is at another box.
func (a *API) serveSocketOf(home string, w http.ResponseWriter, r *http.Request) {
	var who caller
	err := a.Relay.Call(r, home, http.MethodGet, relay.CallerPath, true, nil, &who)
	if err != nil {
		status := errs.KindOf(err).HTTPStatus()
		if errs.BodyOf(err).Code == "signed_out" {
			status = http.StatusUnauthorized
		}
		httpapi.WriteError(w, status, err)
		return
	}
	id := session.Identity{
		User: who.User, Name: who.Name, Role: event.Pupil, Room: who.Room, Home: home,
		Grant: room.Grant{Word: who.Word, Key: who.Key}, Device: httpapi.DeviceOfHash(string(who.Word)),
	}
	if id.User == "" || len(who.Word) != wordSize || who.Role == event.Pupil.String() && id.Room == "" {
		httpapi.WriteError(w, http.StatusServiceUnavailable, errs.NewCode("gateway.socket", errs.Down, "box_away", "the box of the lesson gave no whole answer"))
		return
	}
	if who.Role == event.Teacher.String() {
		id.Role, id.Room = event.Teacher, ""
	}
	a.Sessions.Accept(w, r, id)
}

// lookElsewhere shows a lesson of another box. Its names come from its box, and the browser is at that
// box from then on. A person of this box's staff is led there instead, as is everybody if that box does
// not answer here.
func (a *API) lookElsewhere(ctx context.Context, ref Ref, place directory.Place) *looked {
	r, out := httpapi.RequestOf(ctx), &looked{}
	known := a.Relay.HomeOf(r) == place.ID
	if a.Relay != nil && !httpapi.CallerOf(ctx).IsStaff() && httpapi.BoxOf(r) == "" {
		if err := a.Relay.Call(r, place.ID, http.MethodPost, "/api/join/look", known, ref, &out.Body); err == nil && out.Body.Elsewhere == nil {
			out.SetCookie = relay.SetHome(r, place.ID)
			if !known { // a token of this box is no other's business
				out.SetCookie = append(out.SetCookie, httpapi.SessionCookie(r, ""))
			}
			return out
		}
	}
	out.Body = lookOut{Names: []roster.Name{}, Elsewhere: &place}
	return out
}

// door is at which box of the school a browser is.
type door struct {
	Box   string      `json:"box" doc:"Its id. Empty: this one."`
	Boxes []doorOfBox `json:"boxes" doc:"The other boxes of the school to which this one has a connection."`
}

type doorOfBox struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type doorIn struct {
	Box string `json:"box" maxLength:"64" doc:"Id of the box whose lessons and accounts this browser uses. Empty: this one."`
}

type doorOut struct {
	SetCookie []string `header:"Set-Cookie"`
	Body      door
}

func (a *API) registerDoor(ops httpapi.Operations) {
	httpapi.Add(ops, http.MethodGet, relay.DoorPath, "door", "At which box of the school this browser is", httpapi.Anybody,
		func(ctx context.Context, _ *struct{}) (*httpapi.Body[door], error) {
			return &httpapi.Body[door]{Body: a.listDoors(a.Relay.HomeOf(httpapi.RequestOf(ctx)))}, nil
		})
	httpapi.Add(ops, http.MethodPost, relay.DoorPath, "useDoor", "Use this browser at a box of the school, whose teachers then sign in here", httpapi.Anybody, a.useDoor)
}

func (a *API) listDoors(at string) door {
	d := door{Box: at, Boxes: []doorOfBox{}}
	if a.Relay == nil {
		return d
	}
	for _, id := range a.Relay.Boxes.Linked() {
		if name := a.Relay.Boxes.NameOf(id); name != "" {
			d.Boxes = append(d.Boxes, doorOfBox{id, name})
		}
	}
	slices.SortFunc(d.Boxes, func(x, y doorOfBox) int { return strings.Compare(x.Name+x.ID, y.Name+y.ID) })
	return d
}

// useDoor brings a browser to another box. It takes no token there: the person signs in.
func (a *API) useDoor(ctx context.Context, in *httpapi.Body[doorIn]) (*doorOut, error) {
	r, d := httpapi.RequestOf(ctx), a.listDoors(in.Body.Box)
	if in.Body.Box != "" && !slices.ContainsFunc(d.Boxes, func(b doorOfBox) bool { return b.ID == in.Body.Box }) {
		return nil, errs.NewField("gateway.door", "box", "no_box", 0, "this box has no connection to such a box")
	}
	out := &doorOut{Body: d, SetCookie: relay.SetHome(r, in.Body.Box)}
	if a.Relay.HomeOf(r) != in.Body.Box {
		out.SetCookie = append(out.SetCookie, httpapi.SessionCookie(r, ""))
	}
	return out, nil
}
