package handover

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	"github.com/livelearn/box/services/errs"
)

// Limits of a message.
const (
	maxMessage   = 256 << 20 // bytes; 10,000 sockets with full queues have less
	maxFiles     = 65536     // as LimitNOFILE of the service
	filesAtOnce  = 200       // below SCM_MAX_FD of the kernel, which is 253
	fileMark     = 'f'       // the byte that carries descriptors: the kernel passes none without data
	headerLength = 8
)

// conn sends messages with descriptors over a unix socket:
//
//	length of the JSON text, number of descriptors (4 bytes each, big endian) | JSON text
//	for each filesAtOnce descriptors: one byte, with them as its SCM_RIGHTS (unix(7))
type conn struct{ *net.UnixConn }

type message struct {
	Name string          `json:"name"`
	Body json.RawMessage `json:"body,omitempty"`
}

// send sends a message. The files stay open here.
func (c *conn) send(name string, body any, files ...*os.File) error {
	m := message{Name: name}
	var err error
	if body != nil {
		if m.Body, err = json.Marshal(body); err != nil {
			return err
		}
	}
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	head := make([]byte, headerLength, headerLength+len(text))
	binary.BigEndian.PutUint32(head, uint32(len(text)))
	binary.BigEndian.PutUint32(head[4:], uint32(len(files)))
	if _, _, err := parseHeader(head); err != nil {
		return err
	}
	if _, err := c.Write(append(head, text...)); err != nil {
		return errs.New(op, errs.Down, err)
	}
	for len(files) > 0 {
		n := min(len(files), filesAtOnce)
		if err := c.sendFiles(files[:n]); err != nil {
			return errs.New(op, errs.Down, err)
		}
		files = files[n:]
	}
	return nil
}

func (c *conn) sendFiles(files []*os.File) error {
	fds := make([]int, len(files))
	for i, f := range files {
		fds[i] = int(f.Fd())
	}
	_, _, err := c.WriteMsgUnix([]byte{fileMark}, syscall.UnixRights(fds...), nil)
	return err
}

// parseHeader reads the two lengths of a message and checks them.
func parseHeader(head []byte) (text, files int, err error) {
	text, files = int(binary.BigEndian.Uint32(head)), int(binary.BigEndian.Uint32(head[4:headerLength]))
	switch {
	case text > maxMessage:
		return 0, 0, errs.NewField(op, "length", "too_long", maxMessage, "a message has %d bytes, at most %d", text, maxMessage)
	case files > maxFiles:
		return 0, 0, errs.NewField(op, "files", "too_many", maxFiles, "a message has %d descriptors, at most %d", files, maxFiles)
	}
	return text, files, nil
}

// receive reads the next message. The files belong to the caller.
func (c *conn) receive() (m message, files []*os.File, err error) {
	head := make([]byte, headerLength)
	if _, err := io.ReadFull(c, head); err != nil {
		return m, nil, errs.New(op, errs.Down, err)
	}
	length, count, err := parseHeader(head)
	if err != nil {
		return m, nil, err
	}
	text, err := io.ReadAll(io.LimitReader(c, int64(length))) // its memory grows with what really comes
	if err == nil && len(text) < length {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return m, nil, errs.New(op, errs.Down, err)
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, nil, errs.NewField(op, "message", "bad_json", 0, "a message cannot be read: %v", err)
	}
	for len(files) < count && err == nil {
		var more []*os.File
		more, err = c.receiveFiles(min(count-len(files), filesAtOnce))
		files = append(files, more...)
	}
	if err != nil {
		return m, nil, errors.Join(err, closeAll(files))
	}
	return m, files, nil
}

// receiveFiles receives n descriptors that were sent together. It also returns what came before an
// error.
func (c *conn) receiveFiles(n int) ([]*os.File, error) {
	data, rights := make([]byte, 1), make([]byte, syscall.CmsgSpace(filesAtOnce*4))
	got, size, flags, _, err := c.ReadMsgUnix(data, rights)
	if err != nil {
		return nil, errs.New(op, errs.Down, err)
	}
	files, err := parseRights(rights[:size])
	switch {
	case err != nil:
	case got != 1 || data[0] != fileMark || flags&syscall.MSG_CTRUNC != 0:
		err = errs.NewField(op, "files", "missing", int64(n), "the descriptors did not come: is the limit of open files reached?")
	case len(files) != n:
		err = errs.NewField(op, "files", "wrong_count", int64(n), "%d descriptors came, %d were announced", len(files), n)
	}
	return files, err
}

// parseRights returns the descriptors in the control data of a message (unix(7)).
func parseRights(control []byte) (files []*os.File, err error) {
	list, err := syscall.ParseSocketControlMessage(control)
	if err != nil {
		return nil, errs.New(op, errs.Invalid, err)
	}
	for _, m := range list {
		fds, err := syscall.ParseUnixRights(&m)
		if err != nil {
			return files, errs.New(op, errs.Invalid, err)
		}
		for _, fd := range fds {
			files = append(files, os.NewFile(uintptr(fd), "passed"))
		}
	}
	return files, nil
}
