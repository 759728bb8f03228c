package handover

import (
	"errors"
	"os"
	"strconv"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/supervise"
)

// Predecessor is the old program, seen by the new one.
type Predecessor struct{ conn *conn }

// Inherit returns the old program that started this one to take its place, nil if there is none.
func Inherit() (*Predecessor, error) {
	text, ok := os.LookupEnv(Env)
	if !ok {
		return nil, nil
	}
	if err := os.Unsetenv(Env); err != nil { // the processes of this program have no part in it
		return nil, err
	}
	fd, err := strconv.Atoi(text)
	if err != nil || fd < 3 {
		return nil, errs.NewField(op, Env, "bad_type", 3, "%.20q is not the number of a descriptor from 3", text)
	}
	c, err := supervise.InheritConn(fd)
	if err != nil {
		return nil, errs.New(op, errs.Down, err)
	}
	u, err := asUnix(c)
	if err != nil {
		return nil, err
	}
	return &Predecessor{u}, nil
}

// Prepare reports that this program can take over, and returns what the old one leaves. The old program
// has closed the databases then.
func (p *Predecessor) Prepare(version string, format int) (*Estate, error) {
	if err := p.conn.send(prepared, Hello{Version: version, Protocol: protocol, Format: format}); err != nil {
		return nil, err
	}
	e := &Estate{}
	files, err := p.conn.expect(estate, e)
	if err != nil {
		return nil, err
	}
	if err := e.setFiles(files); err != nil {
		return nil, errors.Join(err, closeAll(files))
	}
	return e, nil
}

// Pass reports that this program is healthy, and returns nil when it may serve.
func (p *Predecessor) Pass() error {
	if err := p.conn.send(healthy, nil); err != nil {
		return err
	}
	_, err := p.conn.expect(proceed, nil)
	return err
}

// Finish reports that this program serves. The old one ends.
func (p *Predecessor) Finish() error {
	return errors.Join(p.conn.send(serving, nil), p.conn.Close())
}

// Fail reports why this program cannot take over. The old one continues.
func (p *Predecessor) Fail(why error) error {
	return errors.Join(p.conn.send(failed, why.Error()), p.conn.Close())
}
