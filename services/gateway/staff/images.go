package staff

import (
	"context"
	"net/http"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/gateway/httpapi"
	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/slides"
)

// ImagesPath is the path of the operation that stores a picture of a question.
const ImagesPath = "/api/images"

type imageUpload struct{}

// imageOut is an item.Image with a name that is free in the description.
type imageOut item.Image

func (a *libraryAPI) registerImages(ops httpapi.Operations) {
	httpapi.Add(ops, http.MethodPost, ImagesPath, "addImage",
		"Keep a picture for questions. The body is the file itself: PNG, JPEG or WebP, at most 20 MB; it becomes upright and at most 1600 pixels wide and high",
		httpapi.Staff, a.addImage, httpapi.WithUpload("image/*"))
}

// addImage makes the picture in another process, one at a time.
func (a *libraryAPI) addImage(ctx context.Context, _ *imageUpload) (*httpapi.Body[imageOut], error) {
	const op = "gateway.addImage"
	data, err := readUpload(op, httpapi.RequestOf(ctx), slides.MaxPicture)
	if err == nil {
		err = slides.CheckPicture(data)
	}
	if err != nil {
		return nil, err
	}
	select {
	case a.pictureSlot <- struct{}{}:
		defer func() { <-a.pictureSlot }()
	case <-ctx.Done():
		return nil, errs.New(op, errs.Busy, context.Cause(ctx))
	}
	p, err := a.makePicture(ctx, data)
	if err != nil {
		return nil, err
	}
	m, err := a.library.AddImage(p)
	return httpapi.ToResponse(imageOut(m), err)
}
