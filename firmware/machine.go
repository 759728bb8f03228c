package firmware

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/livelearn/box/firmware/appliance/door"
	"github.com/livelearn/box/services/errs"
)

// apparatus is the appliance, for the admin's page.
type apparatus struct {
	door    *door.Client
	network *http.Client // of the network's process
}

// networkSocket is where the network's process answers.
const networkSocket = "/run/livelearn/network.sock"

func newMachine(d *door.Client) apparatus {
	return apparatus{d, &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", networkSocket)
		},
	}}}
}

// Boot implements gateway.Machine.
func (m apparatus) Boot(ctx context.Context) (any, error) {
	b, err := m.door.Boot(ctx)
	if err != nil {
		return nil, errs.New("machine", errs.Down, err)
	}
	return b, nil
}

// Restart implements gateway.Machine.
func (m apparatus) Restart(ctx context.Context, what string) error {
	err := error(nil)
	switch what {
	case "program":
		err = m.door.Restart(ctx)
	case "machine":
		err = m.door.Reboot(ctx, door.Reboot{Why: "the admin asked for it"})
	case "off":
		err = m.door.Off(ctx)
	}
	if err != nil {
		return errs.New("machine", errs.Down, err)
	}
	return nil
}

// Network implements gateway.Machine.
func (m apparatus) Network(ctx context.Context) (any, error) {
	return m.ask(ctx, http.MethodGet, "/state", nil)
}

// SetNetwork implements gateway.Machine.
func (m apparatus) SetNetwork(ctx context.Context, settings json.RawMessage) (any, error) {
	return m.ask(ctx, http.MethodPut, "/config", settings)
}

// KeepNetwork implements gateway.Machine.
func (m apparatus) KeepNetwork(ctx context.Context) error {
	_, err := m.ask(ctx, http.MethodPost, "/keep", nil)
	return err
}

// ask asks the network's process. Its refusals are for whoever asked.
func (m apparatus) ask(ctx context.Context, method, path string, in []byte) (any, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://network"+path, bytes.NewReader(in))
	if err != nil {
		return nil, errs.New("network", errs.Internal, err)
	}
	resp, err := m.network.Do(req)
	if err != nil {
		return nil, errs.Code("network", errs.Down, "no_network_process", "the network's process does not answer: %v", err)
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
		return nil, errs.Field("network", b.Field, b.Code, b.Limit, "%s", b.Message)
	}
	return json.RawMessage(text), nil
}
