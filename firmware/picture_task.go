package firmware

import (
	"bytes"
	"context"
	"time"

	"github.com/livelearn/box/firmware/datafolder"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/slides"
)

const (
	pictureMemory  = 768 << 20        // of a picture of 40 megapixels, and its scaled form
	pictureTimeout = 45 * time.Second // the answer must begin within a minute
)

// makePicture makes a picture in a worker. A file that crashes the worker or takes too long is
// refused as damaged.
func (b *Box) makePicture(ctx context.Context, data []byte) (p slides.Picture, err error) {
	err = b.newWorker("picture", pictureMemory, pictureTimeout).Run(ctx, slides.PictureSpec{Cache: b.folder.PathOf(datafolder.CompiledDir)}, bytes.NewReader(data), nil, &p)
	if kind := errs.KindOf(err); err != nil && ctx.Err() == nil && (kind == errs.Internal || kind == errs.Down) {
		b.loggerFor("picture").Warn("a picture could not be made", "err", err)
		err = errs.NewField("picture", "file", "broken_file", 0, "the picture is damaged or takes too much memory; save it smaller")
	}
	return p, err
}
