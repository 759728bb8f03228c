// Package handover passes the sockets of a running box to a new program, which takes its place
// without a pause that people notice. Program livelearn starts it. Package firmware stops and starts
// the box around it. decisions/0017-live-update.md has the order and its reasons.
//
//	old program                                      new program
//	Start: starts it, with a socket pair
//	                                  <- prepared    reads the configuration
//	the box stops and closes its databases
//	Give: listeners, sockets, seats   ->
//	                                                 opens the databases, starts all, checks itself
//	                                  <- healthy
//	                                  -> go
//	                                  <- serving     reads, writes and accepts from here on
//	ends
//
// Promises:
//   - The new program touches no database and no socket before Give, and no socket before go.
//   - Until go, the old program can kill the new one and go on with what it gave.
//   - After go, the new program is the box. A crash is then the crash of any box.
package handover

import (
	"encoding/json"
	"errors"
	"net"
	"os"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/session"
)

const (
	op       = "handover"
	protocol = 1 // rises when an older program could not take part
)

// Hello is the first message of the new program.
type Hello struct {
	Version  string `json:"version"`
	Protocol int    `json:"protocol"`
	Format   int    `json:"format"` // of the data folder
}

// Estate is what one program leaves to the next. It owns its files.
type Estate struct {
	Listeners []Listener       `json:"listeners"`
	Sockets   []session.Parked `json:"sockets"`
}

// Listener is a listening socket.
type Listener struct {
	Addr string   `json:"addr"` // as the configuration names it
	File *os.File `json:"-"`
}

// files returns all files, in the order in which setFiles expects them.
func (e *Estate) files() (list []*os.File) {
	for _, l := range e.Listeners {
		list = append(list, l.File)
	}
	for _, s := range e.Sockets {
		list = append(list, s.Socket)
	}
	return list
}

func (e *Estate) setFiles(list []*os.File) error {
	if want := len(e.Listeners) + len(e.Sockets); len(list) != want {
		return errs.NewField(op, "files", "wrong_count", int64(want), "%d descriptors came for %d sockets", len(list), want)
	}
	for i := range e.Listeners {
		e.Listeners[i].File = list[i]
	}
	for i := range e.Sockets {
		e.Sockets[i].Socket = list[len(e.Listeners)+i]
	}
	return nil
}

// Close closes all files.
func (e *Estate) Close() error {
	var faults []error
	for _, f := range e.files() {
		faults = append(faults, f.Close())
	}
	return errors.Join(faults...)
}

// Names of messages.
const (
	prepared = "prepared"
	estate   = "estate"
	healthy  = "healthy"
	proceed  = "go"
	serving  = "serving"
	failed   = "failed" // instead of prepared and healthy
)

// expect reads the next message and decodes its body. A message of another name is an error, and
// failed is the error that it holds.
func (c *conn) expect(name string, body any) ([]*os.File, error) {
	m, files, err := c.receive()
	if err != nil {
		return nil, err
	}
	switch {
	case m.Name == failed:
		var why string
		if json.Unmarshal(m.Body, &why) != nil {
			why = "it does not say why"
		}
		err = errs.NewCode(op, errs.Down, "failed", "the new program failed: %s", why)
	case m.Name != name:
		err = errs.NewField(op, "name", "unknown", 0, "message %.20q came and %q was expected", m.Name, name)
	case body != nil:
		if err = json.Unmarshal(m.Body, body); err != nil {
			err = errs.NewField(op, "body", "bad_type", 0, "the body of %q cannot be read: %v", name, err)
		}
	}
	if err != nil {
		return nil, errors.Join(err, closeAll(files))
	}
	return files, nil
}

func closeAll(files []*os.File) error {
	var faults []error
	for _, f := range files {
		faults = append(faults, f.Close())
	}
	return errors.Join(faults...)
}

// asUnix returns the connection as one that passes descriptors.
func asUnix(c net.Conn) (*conn, error) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return nil, errors.Join(errs.Newf(op, errs.Invalid, "the descriptor is no unix socket"), c.Close())
	}
	return &conn{u}, nil
}
