// Package initctl is the protocol between the first process of an appliance and the programs
// that it runs. It is HTTP over a unix socket that only root may open.
//
//	POST /alive     reports the state of the program; it must come every few seconds
//	GET  /boot      returns the phases of this start and the last failures
//	POST /restart   restarts the program, and leaves the safe mode
//	POST /reboot    restarts the machine
//	POST /repair    restarts the machine and repairs its damaged data at the start
//	POST /off       switches the machine off
//	GET  /press     returns the next press of the power button; ?after=N confirms those up to N
//	GET  /down      reports whether the power button has been held since the start of the machine
//
// The first process answers at once and acts after the answer.
package initctl

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"
)

// Env is the environment variable with the path of the socket. The first process sets it. A
// program without it does not run on an appliance.
const Env = "LIVELEARN_INIT"

// maxBody bounds the body of a request and of an answer, in bytes.
const maxBody = 1 << 20

// Alive is the state that a program reports.
type Alive struct {
	Ready bool   `json:"ready"`         // people can connect
	Why   string `json:"why,omitempty"` // why it is not ready
}

// Phase is one step of a start.
type Phase struct {
	Name string        `json:"name"`           // "mounts"
	Took time.Duration `json:"took"`           // ns
	Note string        `json:"note,omitempty"` // for people
	Err  string        `json:"err,omitempty"`  // the start continued without this phase
}

// Failure is an unwanted end of a program or of a start.
type Failure struct {
	At   time.Time `json:"at"`
	What string    `json:"what"`           // "box", "machine"
	Slot string    `json:"slot,omitempty"` // the slot that was running
	Why  string    `json:"why"`
	Tail string    `json:"tail,omitempty"` // end of the program's output, at most 8 KiB
}

// Repair is a repair of the file system with the data, at a start.
type Repair struct {
	At   time.Time `json:"at"`
	What string    `json:"what"` // as e2fsck reports it, in English
}

// Boot is the report of this start of the machine.
type Boot struct {
	ID       string    `json:"id"` // the kernel's boot id
	Slot     string    `json:"slot"`
	Name     string    `json:"name"`   // name of the machine, made from its serial number: "amber-otter-4821"
	Phases   []Phase   `json:"phases"` // in order; the last one may not have ended
	Ready    float64   `json:"ready"`  // seconds from the kernel's start until people could connect; 0: not yet
	Safe     bool      `json:"safe"`   // the safe mode runs instead of the box
	Failures []Failure `json:"failures,omitempty"`
	Damaged  string    `json:"damaged,omitempty"` // why the data partition is not in use; the safe mode runs
	Repairs  []Repair  `json:"repairs,omitempty"` // the last ones, in order
	Clock    string    `json:"clock"`             // source of the time
	Log      []string  `json:"log,omitempty"`
	Before   []string  `json:"before,omitempty"` // end of the log of the previous start
	Written  int64     `json:"written"`          // bytes of log since the start
	Ports    []string  `json:"ports,omitempty"`  // open ports: "tcp :80", "udp :5353"
}

// Reboot is a request to restart the machine.
type Reboot struct {
	Arg string `json:"arg,omitempty"` // for the firmware: "0 tryboot" (reboot(2), LINUX_REBOOT_CMD_RESTART2)
	Why string `json:"why,omitempty"`
}

// Handler is the first process behind the socket.
type Handler interface {
	ReportAlive(program string, a Alive)
	BootReport() Boot
	RestartProgram()
	Reboot(Reboot)
	RepairData() error
	PowerOff()
	Press(ctx context.Context, after int) Press
	Down() bool
}

// NewMux returns the HTTP routes of h.
func NewMux(h Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /alive", func(w http.ResponseWriter, r *http.Request) {
		var a Alive
		if decodeBody(w, r, &a) {
			h.ReportAlive(r.URL.Query().Get("program"), a)
		}
	})
	mux.HandleFunc("GET /boot", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(h.BootReport()) // the client is gone
	})
	mux.HandleFunc("GET /press", func(w http.ResponseWriter, r *http.Request) {
		after, _ := strconv.Atoi(r.URL.Query().Get("after"))       // 0: confirms none
		_ = json.NewEncoder(w).Encode(h.Press(r.Context(), after)) // a lost answer is not confirmed, so the press stays queued
	})
	mux.HandleFunc("GET /down", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(h.Down()) // the client is gone
	})
	mux.HandleFunc("POST /reboot", func(w http.ResponseWriter, r *http.Request) {
		var b Reboot
		if decodeBody(w, r, &b) {
			h.Reboot(b)
		}
	})
	mux.HandleFunc("POST /repair", func(w http.ResponseWriter, _ *http.Request) {
		if err := h.RepairData(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	for path, do := range map[string]func(){"/restart": h.RestartProgram, "/off": h.PowerOff} {
		mux.HandleFunc("POST "+path, func(http.ResponseWriter, *http.Request) { do() })
	}
	return mux
}

func decodeBody(w http.ResponseWriter, r *http.Request, v any) bool {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return false
	}
	return true
}

// Client sends requests to the first process.
type Client struct {
	program string
	http    *http.Client
}

// Open returns the client of a program ("box", "safe"). It returns nil if this machine is not
// an appliance.
func Open(program string) *Client {
	path := os.Getenv(Env)
	if path == "" {
		return nil
	}
	return Dial(program, path)
}

// Dial returns a client for the socket at path. It does not connect yet.
func Dial(program, path string) *Client {
	return &Client{program: program, http: &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", path)
		},
	}}}
}

// ReportAlive reports the state of the program.
func (c *Client) ReportAlive(ctx context.Context, a Alive) error {
	return c.sendRequest(ctx, http.MethodPost, "/alive?program="+c.program, a, nil)
}

// BootReport returns the report of this start.
func (c *Client) BootReport(ctx context.Context) (Boot, error) {
	var b Boot
	return b, c.sendRequest(ctx, http.MethodGet, "/boot", nil, &b)
}

// RestartProgram requests a restart of the program.
func (c *Client) RestartProgram(ctx context.Context) error {
	return c.sendRequest(ctx, http.MethodPost, "/restart", nil, nil)
}

// Reboot requests a restart of the machine.
func (c *Client) Reboot(ctx context.Context, r Reboot) error {
	return c.sendRequest(ctx, http.MethodPost, "/reboot", r, nil)
}

// RepairData restarts the machine and repairs its damaged data at the start, even if a damaged part
// of the data is lost.
func (c *Client) RepairData(ctx context.Context) error {
	return c.sendRequest(ctx, http.MethodPost, "/repair", nil, nil)
}

// PowerOff requests to switch the machine off.
func (c *Client) PowerOff(ctx context.Context) error {
	return c.sendRequest(ctx, http.MethodPost, "/off", nil, nil)
}

func (c *Client) sendRequest(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://init"+path, body)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	switch {
	case err != nil:
		return err
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("the first process answers %s: %s", resp.Status, bytes.TrimSpace(text))
	case out == nil:
		return nil
	}
	return json.Unmarshal(text, out)
}
