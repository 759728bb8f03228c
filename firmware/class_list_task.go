package firmware

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"time"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/listimport"
)

const (
	intakeMemory  = 768 << 20        // a workbook of 64 MB unpacked is a few times that in memory
	intakeTimeout = 45 * time.Second // the answer must begin within a minute
)

// intakeSpec is the spec of the task "intake". The file follows it.
type intakeSpec struct {
	Name   string            `json:"name"`
	Choice listimport.Choice `json:"choice"`
}

// RunIntakeTask is the task "intake".
func RunIntakeTask(_ context.Context, spec json.RawMessage, rest io.Reader, _ func(phase string, done, total int64)) (any, error) {
	var s intakeSpec
	if err := json.Unmarshal(spec, &s); err != nil {
		return nil, errs.New("task intake", errs.Invalid, err)
	}
	data := bytes.NewBuffer(make([]byte, 0, listimport.MaxFile+2*bytes.MinRead)) // once: growing takes several times as much
	if _, err := data.ReadFrom(io.LimitReader(rest, listimport.MaxFile+1)); err != nil {
		return nil, errs.New("task intake", errs.Internal, err)
	}
	return listimport.Read(s.Name, data.Bytes(), s.Choice)
}

// readClassList reads a class list in a worker. A file that crashes the worker or takes too long
// is refused as unreadable.
func (b *Box) readClassList(ctx context.Context, name string, data []byte, choice listimport.Choice) (t listimport.Table, err error) {
	err = b.newWorker("intake", intakeMemory, intakeTimeout).Run(ctx, intakeSpec{name, choice}, bytes.NewReader(data), nil, &t)
	if kind := errs.KindOf(err); err != nil && ctx.Err() == nil && (kind == errs.Internal || kind == errs.Down) {
		b.loggerFor("class list").Warn("a class list could not be read", "err", err)
		err = errs.NewField("intake", "file", "unreadable", 0, "the file is damaged or takes too much to read; save it as CSV")
	}
	return t, err
}
