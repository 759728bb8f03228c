package peers

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"

	"github.com/livelearn/box/services/audit"
	"github.com/livelearn/box/services/cluster/members"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/gateway/connlimit"
	"github.com/livelearn/box/services/gateway/httpapi"
)

// Boxes takes boxes into the school: *link.Mesh.
type Boxes interface {
	// Accept answers a box that knows the code, over the connection with this state, from a network.
	Accept(state *tls.ConnectionState, network string, body []byte) (reply []byte, joined members.Member, err error)
}

// serveJoin answers another box, whose admin has entered the code of this one.
func (a *API) serveJoin(w http.ResponseWriter, r *http.Request) {
	if a.Boxes == nil {
		httpapi.WriteError(w, http.StatusNotFound, errs.NewCode("gateway.boxes", errs.Missing, "no_mesh", "this box connects to no other"))
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, members.MaxJoin))
	if err != nil {
		httpapi.WriteError(w, http.StatusRequestEntityTooLarge, errs.NewField("gateway.boxes", "body", "too_long", members.MaxJoin, "more than %d bytes", members.MaxJoin))
		return
	}
	act := audit.Entry{Action: "box.paired"}
	networks := connlimit.Networks(connlimit.HostOf(r.RemoteAddr))
	reply, joined, err := a.Boxes.Accept(r.TLS, networks[len(networks)-1], body)
	if err != nil {
		act.Refused = true
		switch errs.BodyOf(err).Code {
		case "no_code", "no_tls", "code_void": // anybody could fill the logs with these
			a.Log.Debug("a box was not taken into the school", "from", r.RemoteAddr, "err", err)
		default:
			a.Log.Warn("a box was not taken into the school", "from", r.RemoteAddr, "err", err)
			a.Audit.Record(r, httpapi.Caller{}, act)
		}
		httpapi.WriteError(w, errs.KindOf(err).HTTPStatus(), err)
		return
	}
	act.Target, act.Detail = joined.ID, joined.Name
	a.Audit.Record(r, httpapi.Caller{}, act)
	a.Log.Info("a box belongs to the school now", "box", joined.ID, "name", joined.Name)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(json.RawMessage(reply)) // a box that did not get it is not in the school on its side: it is paired again
}
