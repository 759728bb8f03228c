package adminapi

import (
	"context"
	"net/http"

	"github.com/livelearn/box/services/gateway/httpapi"
)

// NetworkChecker looks at the network around the box, as `livelearn doctor` does. Both methods return
// at once.
type NetworkChecker interface {
	State() NetworkCheck
	// Start begins a look unless one is under way.
	Start() NetworkCheck
}

// NetworkCheck is what the last look at the network found, and how far the present one is.
type NetworkCheck struct {
	Running  bool             `json:"running"`
	Done     int              `json:"done" doc:"Checks of the present look that are done."`
	Total    int              `json:"total" doc:"0: not known yet."`
	At       int64            `json:"at,omitempty" doc:"When the last look ended, in milliseconds since 1970. 0: none since the box started."`
	Findings []NetworkFinding `json:"findings,omitempty" doc:"Of the last look."`
}

// NetworkFinding is the result of one check of the network. The pages have the texts of its code.
type NetworkFinding struct {
	Level string            `json:"level" enum:"ok,warn,fail"`
	Code  string            `json:"code"`
	Vars  map[string]string `json:"vars" doc:"What the texts of the code are filled with."`
	Guide string            `json:"guide,omitempty" doc:"The part of /guide about it."`
}

// networkCheckAPI holds the operations on the look at the network.
type networkCheckAPI struct{ checker NetworkChecker }

func (a *networkCheckAPI) registerNetworkCheck(ops httpapi.Operations) {
	httpapi.Add(ops, http.MethodGet, "/api/admin/network/check", "networkCheck", "What the last look at the network found", httpapi.Admin,
		func(context.Context, *struct{}) (*httpapi.Body[NetworkCheck], error) {
			return &httpapi.Body[NetworkCheck]{Body: a.checker.State()}, nil
		})
	httpapi.Add(ops, http.MethodPost, "/api/admin/network/check", "checkNetwork", "Look at the network around the box, for some seconds", httpapi.Admin,
		func(context.Context, *struct{}) (*httpapi.Body[NetworkCheck], error) {
			return &httpapi.Body[NetworkCheck]{Body: a.checker.Start()}, nil
		})
}
