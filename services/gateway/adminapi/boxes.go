package adminapi

import (
	"context"
	"net/http"
	"time"

	"github.com/livelearn/box/services/cluster/link"
	"github.com/livelearn/box/services/cluster/members"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/gateway/httpapi"
)

// Boxes are the boxes of the school: *link.Mesh.
type Boxes interface {
	Boxes() []link.Box
	// ShowCode makes a code, which another box enters at Join within members.CodeLife.
	ShowCode() string
	// CodeLeft returns how long the code still counts; 0: it was used, was wrong too often, or is too old.
	CodeLeft() time.Duration
	Join(ctx context.Context, address, code string) error
	Remove(ctx context.Context, id string) (members.Member, error)
}

// boxesAPI holds the operations on the boxes of the school.
type boxesAPI struct{ boxes Boxes }

const boxesPath = "/api/admin/boxes"

func (a *boxesAPI) registerBoxes(ops httpapi.Operations) {
	httpapi.Add(ops, http.MethodGet, boxesPath, "boxes", "The boxes of the school, this one first. Empty while it is alone", httpapi.Admin, a.list)
	httpapi.Add(ops, http.MethodPost, boxesPath+"/code", "showBoxCode", "Make a code for another box to join the school. It counts once", httpapi.Admin, a.showCode, httpapi.WithFreshPIN)
	httpapi.Add(ops, http.MethodGet, boxesPath+"/code", "boxCodeLeft", "How long the code for another box still counts", httpapi.Admin, a.codeLeft)
	httpapi.Add(ops, http.MethodPost, boxesPath+"/join", "joinBoxes", "Join the school of the box that shows the code. Lessons are not shared yet", httpapi.Admin, a.join,
		httpapi.Audited("box.paired", ""), httpapi.WithFreshPIN)
	httpapi.Add(ops, http.MethodDelete, boxesPath+"/{id}", "removeBox", "Remove a box from the school; the own one leaves it", httpapi.Admin, a.remove,
		httpapi.Audited("box.removed", "id"), httpapi.WithFreshPIN)
}

func (a *boxesAPI) check() error {
	if a.boxes == nil {
		return errs.NewCode("gateway.boxes", errs.Missing, "no_mesh", "this box runs without the part that connects to other boxes")
	}
	return nil
}

func (a *boxesAPI) list(context.Context, *struct{}) (*httpapi.Body[[]link.Box], error) {
	list := []link.Box{}
	if a.boxes != nil {
		list = a.boxes.Boxes()
	}
	return &httpapi.Body[[]link.Box]{Body: list}, nil
}

// BoxCode is a code that a box shows.
type BoxCode struct {
	Code    string `json:"code"`
	Seconds int    `json:"seconds" doc:"How long it counts."`
}

func (a *boxesAPI) showCode(context.Context, *struct{}) (*httpapi.Body[BoxCode], error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	return &httpapi.Body[BoxCode]{Body: BoxCode{a.boxes.ShowCode(), int(members.CodeLife.Seconds())}}, nil
}

// CodeLeft says whether the code that was made last still counts.
type CodeLeft struct {
	Seconds int `json:"seconds" doc:"How long it counts. 0: it was used, was wrong too often, or is too old."`
}

func (a *boxesAPI) codeLeft(context.Context, *struct{}) (*httpapi.Body[CodeLeft], error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	left := a.boxes.CodeLeft() + time.Second - 1 // a code that counts has a second or more
	return &httpapi.Body[CodeLeft]{Body: CodeLeft{int(left.Seconds())}}, nil
}

type joinBody struct {
	Body struct {
		Address string `json:"address" maxLength:"64" doc:"Of the box that shows the code, such as 192.168.1.20 or 192.168.1.20:8443."`
		Code    string `json:"code" maxLength:"64" doc:"The code, which the other box shows."`
	}
}

// join continues when the page is closed, because the code counts once.
func (a *boxesAPI) join(ctx context.Context, in *joinBody) (*struct{}, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	httpapi.Describe(ctx, "", in.Body.Address)
	return nil, a.boxes.Join(context.WithoutCancel(ctx), in.Body.Address, in.Body.Code)
}

type boxPath struct {
	ID string `path:"id" maxLength:"16" doc:"The box's id."`
}

func (a *boxesAPI) remove(ctx context.Context, in *boxPath) (*struct{}, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	gone, err := a.boxes.Remove(context.WithoutCancel(ctx), in.ID)
	httpapi.Describe(ctx, "", gone.Name)
	return nil, err
}
