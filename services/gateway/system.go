package gateway

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/livelearn/box/services/errs"
)

// Machine is the appliance that the box runs on: its first process and its network.
type Machine interface {
	// Boot is how this start went, as the first process tells it.
	Boot(context.Context) (any, error)
	// Restart starts the program (sockets come back by themselves), the machine, or switches
	// it off: "program", "machine", "off".
	Restart(ctx context.Context, what string) error
	// Network is the network's state; SetNetwork changes its settings, and KeepNetwork keeps
	// them: what is not kept within a minute goes back.
	Network(context.Context) (any, error)
	SetNetwork(ctx context.Context, settings json.RawMessage) (any, error)
	KeepNetwork(context.Context) error
}

// restartProgram is the restart that everybody comes back from by themselves.
const restartProgram = "program"

func (g *Gateway) systemAPI(api huma.API) {
	add(g, api, http.MethodGet, "/api/admin/boot", "boot", "How this start went, and how the last ones ended", admin, ask(g, Machine.Boot))
	add(g, api, http.MethodPost, "/api/admin/restart", "restart", "Start the program or the machine anew, or switch it off", admin, g.restart)
	add(g, api, http.MethodGet, "/api/admin/network", "network", "How the box is on the network", admin, ask(g, Machine.Network))
	add(g, api, http.MethodPut, "/api/admin/network", "setNetwork", "Change how the box is on the network. What is not kept within a minute goes back", admin, g.setNetwork)
	add(g, api, http.MethodPost, "/api/admin/network/keep", "keepNetwork", "Keep the network as it is now", admin,
		func(ctx context.Context, _ *struct{}) (*struct{}, error) {
			if g.Machine == nil {
				return nil, noMachine()
			}
			return nil, g.Machine.KeepNetwork(ctx)
		})
}

func noMachine() error {
	return errs.Code("gateway.system", errs.Missing, "no_machine", "this box runs as a program on a machine of yours: look after it there")
}

// system is an answer about the machine; supported is false where there is none.
type system struct {
	Supported bool `json:"supported"`
	State     any  `json:"state,omitempty"`
}

func ask(g *Gateway, get func(Machine, context.Context) (any, error)) func(context.Context, *struct{}) (*body[system], error) {
	return func(ctx context.Context, _ *struct{}) (*body[system], error) {
		if g.Machine == nil {
			return &body[system]{}, nil
		}
		state, err := get(g.Machine, ctx)
		return &body[system]{system{true, state}}, err
	}
}

type restartBody struct {
	Body struct {
		What  string `json:"what" enum:"program,machine,off"`
		Force bool   `json:"force,omitempty" doc:"Also while a lesson is open."`
	}
}

// restart refuses what ends a lesson, unless it is asked for twice. The program alone comes
// back within a second and everybody is where they were.
func (g *Gateway) restart(ctx context.Context, in *restartBody) (*struct{}, error) {
	if g.Machine == nil {
		return nil, noMachine()
	}
	open, err := g.Roster.Open()
	if err != nil {
		return nil, err
	}
	if len(open) > 0 && !in.Body.Force && in.Body.What != restartProgram {
		return nil, errs.Code("gateway.restart", errs.Stale, "lesson_open", "a lesson is open")
	}
	g.Log.Info("a restart is asked for", "user", callerOf(ctx).User, "what", in.Body.What)
	return nil, g.Machine.Restart(context.WithoutCancel(ctx), in.Body.What)
}

type networkBody struct {
	Body json.RawMessage `doc:"The settings, as GET has them in state.config."`
}

func (g *Gateway) setNetwork(ctx context.Context, in *networkBody) (*body[system], error) {
	if g.Machine == nil {
		return nil, noMachine()
	}
	g.Log.Info("the network is changed", "user", callerOf(ctx).User)
	state, err := g.Machine.SetNetwork(context.WithoutCancel(ctx), in.Body)
	return &body[system]{system{true, state}}, err
}
