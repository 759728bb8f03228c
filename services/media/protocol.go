package media

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"

	"github.com/livelearn/box/services/errs"
)

// The control connection carries one JSON object a line, over any stream:
//
//	core -> node   {"id":7,"method":"publish","params":{...}}
//	node -> core   {"id":7,"result":{...}}  or  {"id":7,"error":{"kind":"busy","code":"full",...}}
//	node -> core   {"event":{"kind":"track.up",...}}
//
// Requests are answered in any order. "ping" is answered with the node's Load, by the node
// itself, so that a node that is stuck is silent although its process lives. Both ends are
// strict: a line that is too long, is not one of these shapes or has an unknown field ends
// the connection, and with it the node.
const MaxLine = 1 << 20 // bytes of a line with its end

// The methods, as in Node.
const (
	methodPublish = "publish"
	methodWatch   = "watch"
	methodPatch   = "patch"
	methodClose   = "close"
	methodMute    = "mute"
	methodWant    = "want"
	methodRecord  = "record"
	methodLoad    = "load"
	methodPing    = "ping"
)

type closeParams struct {
	Session string `json:"session"`
}

type muteParams struct {
	Room   string `json:"room"`
	User   string `json:"user"`
	Source Source `json:"source"`
	On     bool   `json:"on"`
}

// line is any line of the protocol.
type line struct {
	ID     uint64          `json:"id,omitempty"`
	Method string          `json:"method,omitempty"`
	Params json.RawMessage `json:"params,omitempty"`
	Result json.RawMessage `json:"result,omitempty"`
	Error  *wireError      `json:"error,omitempty"`
	Event  *Event          `json:"event,omitempty"`
}

// isRequest, isAnswer and isEvent report which shape a line has.
func (l line) isRequest() bool {
	return l.ID != 0 && l.Method != "" && l.Result == nil && l.Error == nil && l.Event == nil
}

func (l line) isAnswer() bool {
	return l.ID != 0 && l.Method == "" && l.Params == nil && l.Event == nil && (l.Result == nil) != (l.Error == nil)
}

func (l line) isEvent() bool {
	return l.ID == 0 && l.Method == "" && l.Params == nil && l.Result == nil && l.Error == nil && l.Event != nil
}

// wireError is an error in the protocol.
type wireError struct {
	Kind  string `json:"kind"`
	Code  string `json:"code,omitempty"`
	Field string `json:"field,omitempty"`
	Limit int64  `json:"limit,omitempty"`
	Text  string `json:"text,omitempty"`
}

// corruptKind has a name of its own here: to people it is "internal" (errs.Kind.String).
const corruptKind = "corrupt"

// maxErrorText bounds the text of an error, which may repeat its input.
const maxErrorText = 1 << 10

func newWireError(err error) *wireError {
	f := &wireError{Kind: errs.KindOf(err).String(), Text: err.Error()}
	if errs.KindOf(err) == errs.Corrupt {
		f.Kind = corruptKind
	}
	if e, ok := errors.AsType[*errs.Error](err); ok {
		f.Code, f.Field, f.Limit = e.Code, e.Field, e.Limit
		if e.Err != nil {
			f.Text = e.Err.Error()
		}
	} else if errors.Is(err, context.DeadlineExceeded) {
		f.Kind, f.Code = errs.Down.String(), "timeout"
	}
	f.Text = f.Text[:min(len(f.Text), maxErrorText)]
	return f
}

// toError restores the error.
func (f *wireError) toError(op string) error {
	kind, ok := errs.KindNamed(f.Kind)
	switch {
	case f.Kind == corruptKind:
		kind = errs.Corrupt
	case !ok:
		kind = errs.Internal
	}
	e := errs.NewCode(op, kind, f.Code, "%s", f.Text)
	e.Field, e.Limit = f.Field, f.Limit
	return e
}

// lineReader reads lines. A partial line at the end of the stream is io.ErrUnexpectedEOF.
type lineReader struct{ *bufio.Reader }

func newLineReader(r io.Reader) lineReader { return lineReader{bufio.NewReaderSize(r, 64<<10)} }

func (r lineReader) readLine() (line, error) {
	var whole []byte
	for {
		part, err := r.ReadSlice('\n')
		if len(whole)+len(part) > MaxLine {
			return line{}, errProtocol("a line of more than %d bytes", MaxLine)
		}
		switch {
		case err == nil && whole == nil:
			return parseLine(part)
		case err == nil:
			return parseLine(append(whole, part...))
		case errors.Is(err, bufio.ErrBufferFull):
			whole = append(whole, part...)
		case errors.Is(err, io.EOF) && len(whole)+len(part) > 0:
			return line{}, io.ErrUnexpectedEOF
		default:
			return line{}, err
		}
	}
}

func errProtocol(format string, args ...any) error {
	return errs.NewCode("media.control", errs.Invalid, "garbage", format, args...)
}

// parseLine reads one line.
func parseLine(text []byte) (line, error) {
	var l line
	if err := decodeStrict(text, &l); err != nil {
		return line{}, errProtocol("%v", err)
	}
	if !l.isRequest() && !l.isAnswer() && !l.isEvent() {
		return line{}, errProtocol("neither request, answer nor event")
	}
	return l, nil
}

// decodeStrict decodes one JSON value of known fields.
func decodeStrict(text []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one value")
	}
	return nil
}

// encodeLine returns the line as it is sent. errs.Invalid (code too_long): it is longer than
// the other end accepts.
func (l line) encodeLine() ([]byte, error) {
	b, err := json.Marshal(l)
	if err != nil {
		return nil, errs.New("media.control", errs.Internal, err)
	}
	if len(b) >= MaxLine {
		return nil, errs.NewField("media.control", "params", "too_long", MaxLine, "%d bytes, at most %d", len(b), MaxLine)
	}
	return append(b, '\n'), nil
}

func marshalRaw(v any) (json.RawMessage, error) {
	if v == nil {
		return json.RawMessage("{}"), nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil, errs.New("media.control", errs.Internal, err)
	}
	return b, nil
}
