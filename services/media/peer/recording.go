package peer

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/media"
	"github.com/livelearn/box/services/media/forward"
	"github.com/livelearn/box/services/media/record"
)

// recording writes a room's tracks to files. Guarded by Node.mu.
type recording struct {
	media.Record
	n         *Node
	startedAt time.Time
	budget    *record.Budget
	ctx       context.Context
	stop      context.CancelFunc
	files     map[fileKey]*outputFile
}

// fileKey names the content of one file: a person's camera and microphone, or their screen.
type fileKey struct {
	user   string
	screen bool
}

// outputFile is one file being written.
type outputFile struct {
	layers []*layer // in the order of the file's tracks
	stop   context.CancelFunc
}

// wantsSource reports whether the source is recorded.
func (r *recording) wantsSource(s *source) bool { return r != nil && (r.All || s.pub.first) }

// Record implements media.Node.
func (n *Node) Record(_ context.Context, ask media.Record) error {
	const op = "media.Record"
	if ask.Dir == "" {
		n.stopRecording(ask.Room, "")
		return nil
	}
	if !filepath.IsAbs(ask.Dir) {
		return errs.NewField(op, "dir", "bad_path", 0, "must be absolute")
	}
	if err := os.MkdirAll(ask.Dir, 0o750); err != nil {
		return errs.New(op, errs.Down, err)
	}
	n.mu.Lock()
	if n.budget == nil {
		n.budget = &record.Budget{Dir: n.budgetDir(ask.Dir), Bytes: n.cfg.RecordBytes, Reserve: n.cfg.Reserve}
	}
	budget := n.budget
	n.mu.Unlock()
	if err := budget.Check(ask.Dir); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.tasks == nil {
		return errs.NewCode(op, errs.Down, "stopping", "the node does not serve")
	}
	r := n.ensureRoom(ask.Room)
	if r.rec != nil {
		if r.rec.Dir == ask.Dir {
			r.rec.All = ask.All
			return nil
		}
		r.rec.stop()
	}
	rec := &recording{Record: ask, n: n, startedAt: time.Now(), budget: budget, files: map[fileKey]*outputFile{}}
	rec.ctx, rec.stop = context.WithCancel(context.Background())
	r.rec = rec
	n.emitEvent(media.Event{Kind: media.Recording, Room: ask.Room, On: true})
	return nil
}

// budgetDir is the folder that the budget watches.
func (n *Node) budgetDir(dir string) string {
	if n.cfg.Recordings != "" {
		return n.cfg.Recordings
	}
	return dir
}

// stopRecording ends a room's recording. why is a code, empty when the end was requested.
func (n *Node) stopRecording(in, why string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	r := n.rooms[in]
	if r == nil || r.rec == nil {
		return
	}
	r.rec.stop()
	r.rec = nil
	n.emitEvent(media.Event{Kind: media.Recording, Room: in, Err: why})
	n.arrangeRoom(in)
}

// syncFiles starts and ends files as sources and their best layers come and go. The caller
// holds Node.mu.
func (rec *recording) syncFiles(r *room) {
	want := map[fileKey][]*layer{}
	for _, s := range r.sources {
		if l := s.bestLayer(); l != nil && rec.wantsSource(s) {
			k := fileKey{s.pub.request.User, s.kind == media.Screen}
			if s.audio {
				want[k] = append(want[k], l)
			} else {
				want[k] = append([]*layer{l}, want[k]...)
			}
		}
	}
	for k, t := range rec.files {
		if !sameLayers(t.layers, want[k]) {
			t.stop()
			delete(rec.files, k)
		}
	}
	for k, layers := range want {
		if rec.files[k] == nil {
			rec.files[k] = rec.startFile(k, layers)
		}
	}
}

func sameLayers(a, b []*layer) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// bestLayer is the highest layer that is sent.
func (s *source) bestLayer() *layer {
	for i := len(s.layers) - 1; i >= 0; i-- {
		if l := s.layers[i]; l.silentSeconds < maxSilentSeconds || s.isPaused(l) {
			return l
		}
	}
	return nil
}

// startFile writes one file, in tasks of the node.
func (rec *recording) startFile(k fileKey, layers []*layer) *outputFile {
	ctx, stop := context.WithCancel(rec.ctx)
	t := &outputFile{layers: layers, stop: stop}
	what := media.Camera
	if k.screen {
		what = media.Screen
	}
	name := strconv.FormatInt(time.Since(rec.startedAt).Milliseconds(), 10) + "-" + string(what) + "-" + plainName(k.user)
	cfg := record.Config{Name: filepath.Join(rec.Dir, name), User: k.user, Source: string(what), Budget: rec.budget}
	var taps []*forward.Tap
	for _, l := range layers {
		cfg.Tracks = append(cfg.Tracks, record.Track{Codec: l.codec, Clock: l.clock})
		taps = append(taps, l.fwd.OpenTap())
	}
	w, err := record.New(cfg)
	if err != nil {
		for _, tap := range taps {
			tap.Close()
		}
		rec.n.tasks.Go(func(context.Context) error { rec.endWithError(err); return nil }) // the caller holds Node.mu
		return t
	}
	left := make(chan struct{}, len(taps))
	for i, tap := range taps {
		rec.n.tasks.Go(func(c context.Context) error {
			defer context.AfterFunc(c, stop)()
			rec.copyTrack(ctx, w, i, layers[i], tap)
			tap.Close()
			left <- struct{}{}
			return nil
		})
	}
	rec.n.tasks.Go(func(context.Context) error {
		for range taps {
			<-left
		}
		if err := w.Close(); err != nil {
			rec.endWithError(err)
		}
		return nil
	})
	return t
}

// copyTrack copies one track into the file until it ends.
func (rec *recording) copyTrack(ctx context.Context, w *record.Writer, i int, l *layer, tap *forward.Tap) {
	buf := make([]byte, maxPacket)
	for {
		n, err := tap.Next(ctx, buf)
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, context.Canceled) {
				rec.endWithError(err)
			}
			return
		}
		if err := w.Write(i, buf[:n], time.Since(rec.startedAt)); err != nil {
			rec.endWithError(err)
			return
		}
		if w.KeyWanted(i) {
			l.requestKeyFrame() // it limits its own rate
		}
	}
}

// endWithError ends the recording and reports the cause. The lesson continues.
func (rec *recording) endWithError(err error) {
	code := "failed"
	if e, ok := errors.AsType[*errs.Error](err); ok && e.Code != "" {
		code = e.Code
	} else if errors.Is(err, fs.ErrClosed) {
		return
	}
	rec.n.log.Error("a recording ended by itself", "room", rec.Room, "err", err)
	rec.n.runTask(func(context.Context) {
		rec.n.mu.Lock()
		r := rec.n.rooms[rec.Room]
		mine := r != nil && r.rec == rec
		rec.n.mu.Unlock()
		if mine {
			rec.n.stopRecording(rec.Room, code)
		}
	})
}

// plainName makes an id usable in a file's name.
func plainName(id string) string {
	return strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' {
			return c
		}
		return '_'
	}, id)
}
