package firmware

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"time"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/intake"
)

const (
	intakeMemory = 768 << 20        // a workbook of 64 MB unpacked is a few times that in memory
	intakeTime   = 45 * time.Second // the answer must begin within a minute
)

// intakeSpec is the spec of the work "intake"; the file follows it.
type intakeSpec struct {
	Name string `json:"name"`
}

// takeIn is the work "intake".
func takeIn(_ context.Context, spec json.RawMessage, rest io.Reader, _ func(phase string, done, total int64)) (any, error) {
	var s intakeSpec
	if err := json.Unmarshal(spec, &s); err != nil {
		return nil, errs.New("work intake", errs.Invalid, err)
	}
	data, err := io.ReadAll(io.LimitReader(rest, intake.MaxFile+1))
	if err != nil {
		return nil, errs.New("work intake", errs.Internal, err)
	}
	return intake.Parse(s.Name, data)
}

// readList reads a class list in a worker. A file that the worker does not survive, or
// that takes too long, is refused like any other that cannot be read.
func (b *Box) readList(ctx context.Context, name string, data []byte) (t intake.Table, err error) {
	err = b.worker("intake", intakeMemory, intakeTime).Run(ctx, intakeSpec{name}, bytes.NewReader(data), nil, &t)
	if kind := errs.KindOf(err); err != nil && ctx.Err() == nil && (kind == errs.Internal || kind == errs.Down) {
		b.log("intake").Warn("a class list could not be read", "err", err)
		err = errs.Field("intake", "file", "unreadable", 0, "the file is damaged or takes too much to read; save it as CSV")
	}
	return t, err
}
