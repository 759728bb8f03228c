package adminapi

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/gateway/httpapi"
)

// Machine is the appliance under the box, with its first process and its network.
type Machine interface {
	// Boot reports how this start went, as the first process recorded it.
	Boot(context.Context) (any, error)
	// Restart restarts the program ("program", sockets reconnect by themselves) or the
	// machine ("machine"), or switches the machine off ("off").
	Restart(ctx context.Context, what string) error
	// Network returns the state of the network. SetNetwork changes its settings. They go
	// back after a minute unless KeepNetwork confirms them.
	Network(context.Context) (any, error)
	SetNetwork(ctx context.Context, settings json.RawMessage) (any, error)
	KeepNetwork(context.Context) error
	// ScanWifi lists the Wi-Fis in reach.
	ScanWifi(context.Context) (any, error)
}

// restartProgram restarts only the program. All clients reconnect by themselves.
const restartProgram = "program"

func (a *machineAPI) registerMachine(ops httpapi.Operations) {
	httpapi.Add(ops, http.MethodGet, "/api/admin/boot", "boot", "How this start went, and how the last ones ended", httpapi.Admin, askMachine(a, Machine.Boot))
	httpapi.Add(ops, http.MethodPost, "/api/admin/restart", "restart", "Start the program or the machine anew, or switch it off", httpapi.Admin, a.restartMachine, httpapi.Audited("machine.restarted", ""))
	httpapi.Add(ops, http.MethodGet, "/api/admin/network", "network", "How the box is on the network", httpapi.Admin, askMachine(a, Machine.Network))
	httpapi.Add(ops, http.MethodGet, "/api/admin/network/wifi", "scanWifi", "The Wi-Fis in reach of the box. Looking takes some seconds", httpapi.Admin, askMachine(a, Machine.ScanWifi))
	httpapi.Add(ops, http.MethodPut, "/api/admin/network", "setNetwork", "Change how the box is on the network. What is not kept within a minute goes back", httpapi.Admin, a.setNetwork, httpapi.Audited("network.changed", ""))
	httpapi.Add(ops, http.MethodPost, "/api/admin/network/keep", "keepNetwork", "Keep the network as it is now", httpapi.Admin,
		func(ctx context.Context, _ *struct{}) (*struct{}, error) {
			if a.machine == nil {
				return nil, noMachine()
			}
			return nil, a.machine.KeepNetwork(ctx)
		})
}

func noMachine() error {
	return errs.NewCode("gateway.system", errs.Missing, "no_machine", "this box runs as a program on a machine of yours: look after it there")
}

// system is an answer about the machine. Supported is false if the box is a program on another
// machine.
type system struct {
	Supported bool `json:"supported"`
	State     any  `json:"state,omitempty"`
}

func askMachine(a *machineAPI, get func(Machine, context.Context) (any, error)) func(context.Context, *struct{}) (*httpapi.Body[system], error) {
	return func(ctx context.Context, _ *struct{}) (*httpapi.Body[system], error) {
		if a.machine == nil {
			return &httpapi.Body[system]{}, nil
		}
		state, err := get(a.machine, ctx)
		return &httpapi.Body[system]{Body: system{true, state}}, err
	}
}

type restartBody struct {
	Body struct {
		What  string `json:"what" enum:"program,machine,off"`
		Force bool   `json:"force,omitempty" doc:"Also while a lesson is open."`
	}
}

// restartMachine refuses to end a lesson unless the caller forces it. The program alone is
// back within a second, and all clients resume.
func (a *machineAPI) restartMachine(ctx context.Context, in *restartBody) (*struct{}, error) {
	if a.machine == nil {
		return nil, noMachine()
	}
	open, err := a.roster.OpenLessons()
	if err != nil {
		return nil, err
	}
	if len(open) > 0 && !in.Body.Force && in.Body.What != restartProgram {
		return nil, errs.NewCode("gateway.restart", errs.Stale, "lesson_open", "a lesson is open")
	}
	httpapi.Describe(ctx, "", in.Body.What)
	a.log.Info("restart requested", "user", httpapi.CallerOf(ctx).User, "what", in.Body.What)
	return nil, a.machine.Restart(context.WithoutCancel(ctx), in.Body.What)
}

type networkBody struct {
	Body json.RawMessage `doc:"The settings, as GET has them in state.config."`
}

func (a *machineAPI) setNetwork(ctx context.Context, in *networkBody) (*httpapi.Body[system], error) {
	if a.machine == nil {
		return nil, noMachine()
	}
	a.log.Info("network settings changed", "user", httpapi.CallerOf(ctx).User)
	state, err := a.machine.SetNetwork(context.WithoutCancel(ctx), in.Body)
	return &httpapi.Body[system]{Body: system{true, state}}, err
}
