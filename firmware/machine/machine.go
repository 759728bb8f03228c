// Package machine is the appliance as the admin page sees it: its last start, its restart and its
// network. It asks the first process and the network process. Package firmware gives one Machine
// to the gateway.
package machine

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/livelearn/box/firmware/appliance/initctl"
	"github.com/livelearn/box/services/errs"
)

// Machine implements adminapi.Machine for an appliance.
type Machine struct {
	pid1    *initctl.Client
	network *http.Client // of the network's process
}

// networkSocket is where the network's process answers.
const networkSocket = "/run/livelearn/network.sock"

// New asks the first process by d.
func New(d *initctl.Client) Machine {
	return Machine{d, &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", networkSocket)
		},
	}}}
}

// Boot implements adminapi.Machine.
func (m Machine) Boot(ctx context.Context) (any, error) {
	b, err := m.pid1.BootReport(ctx)
	if err != nil {
		return nil, errs.New("machine", errs.Down, err)
	}
	return b, nil
}

// Restart implements adminapi.Machine.
func (m Machine) Restart(ctx context.Context, what string) error {
	err := error(nil)
	switch what {
	case "program":
		err = m.pid1.RestartProgram(ctx)
	case "machine":
		err = m.pid1.Reboot(ctx, initctl.Reboot{Why: "the admin asked for it"})
	case "off":
		err = m.pid1.PowerOff(ctx)
	}
	if err != nil {
		return errs.New("machine", errs.Down, err)
	}
	return nil
}

// Network implements adminapi.Machine.
func (m Machine) Network(ctx context.Context) (any, error) {
	return m.callNetwork(ctx, http.MethodGet, "/state", nil)
}

// ScanWifi implements adminapi.Machine.
func (m Machine) ScanWifi(ctx context.Context) (any, error) {
	return m.callNetwork(ctx, http.MethodGet, "/scan", nil)
}

// SetNetwork implements adminapi.Machine.
func (m Machine) SetNetwork(ctx context.Context, settings json.RawMessage) (any, error) {
	return m.callNetwork(ctx, http.MethodPut, "/config", settings)
}

// KeepNetwork implements adminapi.Machine.
func (m Machine) KeepNetwork(ctx context.Context) error {
	_, err := m.callNetwork(ctx, http.MethodPost, "/keep", nil)
	return err
}

// callNetwork asks the network process and passes its refusals to the caller.
func (m Machine) callNetwork(ctx context.Context, method, path string, in []byte) (any, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://network"+path, bytes.NewReader(in))
	if err != nil {
		return nil, errs.New("network", errs.Internal, err)
	}
	resp, err := m.network.Do(req)
	if err != nil {
		return nil, errs.NewCode("network", errs.Down, "no_network_process", "the network's process does not answer: %v", err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return nil, errs.New("network", errs.Down, err)
	}
	if resp.StatusCode != http.StatusOK {
		var b errs.Body
		if json.Unmarshal(text, &b) != nil || b.Code == "" {
			b.Code, b.Message = "refused", string(text)
		}
		return nil, errs.NewField("network", b.Field, b.Code, b.Limit, "%s", b.Message)
	}
	return json.RawMessage(text), nil
}
