// Package door is how the programs of an appliance speak to its first process: HTTP over a
// unix socket that only root may open.
//
//	POST /alive     how the program is: it does so each few seconds, or is started anew
//	GET  /boot      the phases of this start, and how the last ones ended
//	POST /restart   starts the program anew, out of safe mode too
//	POST /reboot    starts the machine anew
//	POST /off       switches it off
//
// The first process answers at once and acts after it has answered.
package door

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

// Env names the socket to the programs that the first process starts. Without it a program
// does not run on an appliance.
const Env = "LIVELEARN_INIT"

// maxBody bounds a question and an answer, in bytes.
const maxBody = 1 << 20

// Alive is how a program says it is.
type Alive struct {
	Ready bool   `json:"ready"`         // people can connect
	Why   string `json:"why,omitempty"` // why it is not ready
}

// Phase is one step of a start.
type Phase struct {
	Name string        `json:"name"`           // "mounts"
	Took time.Duration `json:"took"`           // ns
	Note string        `json:"note,omitempty"` // what it did that is worth a word
	Err  string        `json:"err,omitempty"`  // what failed; the start went on without it
}

// Failure is the end of a program or of a start that was not wanted.
type Failure struct {
	At   time.Time `json:"at"`
	What string    `json:"what"`           // "box", "machine"
	Slot string    `json:"slot,omitempty"` // that ran
	Why  string    `json:"why"`
	Tail string    `json:"tail,omitempty"` // the end of what it wrote, at most 8 KiB
}

// Boot is this start of the machine.
type Boot struct {
	ID       string    `json:"id"` // the kernel's boot id
	Slot     string    `json:"slot"`
	Name     string    `json:"name"`   // of the box, as made from its board: "amber-otter-4821"
	Phases   []Phase   `json:"phases"` // in order; the last one may not have ended
	Ready    float64   `json:"ready"`  // seconds from the kernel's start until people could connect; 0: not yet
	Safe     bool      `json:"safe"`   // the safe mode runs and not the box
	Failures []Failure `json:"failures,omitempty"`
	Clock    string    `json:"clock"` // where the time came from
	Log      []string  `json:"log,omitempty"`
	Before   []string  `json:"before,omitempty"` // the end of the log of the start before
	Written  int64     `json:"written"`          // bytes of log since the start
	Ports    []string  `json:"ports,omitempty"`  // what listens: "tcp :80", "udp :5353"
}

// Reboot is how the machine is started anew.
type Reboot struct {
	Arg string `json:"arg,omitempty"` // for the firmware: "0 tryboot" (reboot(2), LINUX_REBOOT_CMD_RESTART2)
	Why string `json:"why,omitempty"`
}

// Handler is what the first process does when it is asked.
type Handler interface {
	Alive(program string, a Alive)
	Boot() Boot
	Restart()
	Reboot(Reboot)
	Off()
}

// Mux answers for h.
func Mux(h Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /alive", func(w http.ResponseWriter, r *http.Request) {
		var a Alive
		if read(w, r, &a) {
			h.Alive(r.URL.Query().Get("program"), a)
		}
	})
	mux.HandleFunc("GET /boot", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(h.Boot()) // who asked is gone; nobody to tell
	})
	mux.HandleFunc("POST /reboot", func(w http.ResponseWriter, r *http.Request) {
		var b Reboot
		if read(w, r, &b) {
			h.Reboot(b)
		}
	})
	for path, do := range map[string]func(){"/restart": h.Restart, "/off": h.Off} {
		mux.HandleFunc("POST "+path, func(http.ResponseWriter, *http.Request) { do() })
	}
	return mux
}

func read(w http.ResponseWriter, r *http.Request, v any) bool {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return false
	}
	return true
}

// Client asks the first process.
type Client struct {
	program string
	http    *http.Client
}

// Open is the client of the program called so ("box", "safe"), or nil where this is no
// appliance.
func Open(program string) *Client {
	path := os.Getenv(Env)
	if path == "" {
		return nil
	}
	return Dial(program, path)
}

// Dial is a client for the socket at path.
func Dial(program, path string) *Client {
	return &Client{program: program, http: &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", path)
		},
	}}}
}

// Alive says how the program is.
func (c *Client) Alive(ctx context.Context, a Alive) error {
	return c.do(ctx, http.MethodPost, "/alive?program="+c.program, a, nil)
}

// Boot asks about this start.
func (c *Client) Boot(ctx context.Context) (Boot, error) {
	var b Boot
	return b, c.do(ctx, http.MethodGet, "/boot", nil, &b)
}

// Restart starts the program anew.
func (c *Client) Restart(ctx context.Context) error {
	return c.do(ctx, http.MethodPost, "/restart", nil, nil)
}

// Reboot starts the machine anew.
func (c *Client) Reboot(ctx context.Context, r Reboot) error {
	return c.do(ctx, http.MethodPost, "/reboot", r, nil)
}

// Off switches the machine off.
func (c *Client) Off(ctx context.Context) error { return c.do(ctx, http.MethodPost, "/off", nil, nil) }

func (c *Client) do(ctx context.Context, method, path string, in, out any) error {
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
