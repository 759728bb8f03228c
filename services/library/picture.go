package library

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"slices"

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/deck"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/slides"
)

// imagesDir holds the pictures of questions, each under the hash of its content. A picture that is
// stored twice is there once. Pictures outlive the quizzes that show them, because lessons and
// their recordings show them too.
const imagesDir = deck.PicturesDir

// MaxImages is how many pictures the library keeps. One more replaces the oldest that no quiz shows.
const MaxImages = 4000

// AddImage stores a picture and returns what a question needs to show it.
func (l *Library) AddImage(p slides.Picture) (item.Image, error) {
	const op = "library.AddImage"
	m := item.Image{ID: item.MakeImageID(p.Data, p.Ext), W: p.W, H: p.H}
	if !item.IsImageID(m.ID) {
		return m, errs.Newf(op, errs.Internal, "no picture has the extension %q", p.Ext)
	}
	if _, err := l.root.Stat(imagesDir + "/" + m.ID); err == nil {
		return m, nil
	}
	if err := l.root.MkdirAll(imagesDir, 0o700); err != nil {
		return m, checkedkv.WrapError(op, err)
	}
	if err := l.makeRoomForImage(MaxImages); err != nil {
		return m, err
	}
	return m, checkedkv.WrapError(op, l.writeImage(m.ID, p.Data))
}

// writeImage gives the file its name when it is whole and on disk. The next Open sweeps the rest of
// a write that was cut.
func (l *Library) writeImage(id string, data []byte) error {
	draft := imagesDir + "/." + checkedkv.NewID("image-")
	f, err := l.root.OpenFile(draft, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = l.root.Rename(draft, imagesDir+"/"+id)
	}
	if err != nil {
		return errors.Join(err, l.root.Remove(draft))
	}
	dir, err := l.root.Open(imagesDir)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// sweepImages removes what a power cut left of a picture in the making.
func (l *Library) sweepImages() error {
	list, err := fs.ReadDir(l.root.FS(), imagesDir)
	for _, e := range list {
		if !item.IsImageID(e.Name()) {
			err = errors.Join(err, l.root.RemoveAll(imagesDir+"/"+e.Name()))
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return checkedkv.WrapError("library.Open", err)
}

// OpenPicture opens a picture of a question by its id.
func (l *Library) OpenPicture(id string) (*os.File, error) {
	none := errs.NewCode("library.OpenPicture", errs.Missing, "missing", "no such picture")
	if !item.IsImageID(id) {
		return nil, none
	}
	f, err := l.root.Open(imagesDir + "/" + id)
	if err != nil {
		return nil, none
	}
	return f, nil
}

// images returns the files of the pictures.
func (l *Library) images() ([]fs.DirEntry, error) {
	list, err := fs.ReadDir(l.root.FS(), imagesDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return slices.DeleteFunc(list, func(e fs.DirEntry) bool { return !item.IsImageID(e.Name()) }), err
}

// makeRoomForImage removes the oldest picture that no quiz shows if there are limit of them.
func (l *Library) makeRoomForImage(limit int) error {
	const op = "library.AddImage"
	list, err := l.images()
	if err != nil || len(list) < limit {
		return checkedkv.WrapError(op, err)
	}
	shown, err := l.shownImages()
	if err != nil {
		return err
	}
	oldest := func(e fs.DirEntry) int64 {
		if info, err := e.Info(); err == nil {
			return info.ModTime().UnixNano()
		}
		return 0
	}
	list = slices.DeleteFunc(list, func(e fs.DirEntry) bool { return shown[e.Name()] })
	if len(list) == 0 {
		return errs.NewField(op, "file", "too_many", int64(limit), "the quizzes have %d pictures already; delete some quizzes", limit)
	}
	first := slices.MinFunc(list, func(a, b fs.DirEntry) int { return cmp.Compare(oldest(a), oldest(b)) })
	return checkedkv.WrapError(op, l.root.Remove(imagesDir+"/"+first.Name()))
}

// shownImages returns the ids of the pictures that quizzes show.
func (l *Library) shownImages() (map[string]bool, error) {
	shown := map[string]bool{}
	err := l.readTx("library.AddImage", func(tx *checkedkv.Tx) error {
		list := allValues[storedQuiz](l, tx, bucketQuizzes)
		if len(list) != tx.Bucket([]byte(bucketQuizzes)).Stats().KeyN {
			return errs.Newf("library.AddImage", errs.Corrupt, "a quiz is damaged: which pictures it shows is not known")
		}
		for _, s := range list {
			q, err := s.withoutKeys()
			if err != nil {
				return err
			}
			for _, it := range q.Items {
				for _, m := range it.Images() {
					shown[m.ID] = true
				}
			}
		}
		return nil
	})
	return shown, err
}
