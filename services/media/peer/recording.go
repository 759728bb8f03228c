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

// recording writes a room's tracks to files, as they come. Guarded by Node.mu.
type recording struct {
	media.Record
	n      *Node
	began  time.Time
	budget *record.Budget
	ctx    context.Context
	stop   context.CancelFunc
	takes  map[takeKey]*take
}

// takeKey is what goes into one file: a person's camera and microphone, or their screen.
type takeKey struct {
	user   string
	screen bool
}

// take is one file being written.
type take struct {
	layers []*layer // in the order of the file's tracks
	stop   context.CancelFunc
}

// wants tells that the source is recorded.
func (r *recording) wants(s *source) bool { return r != nil && (r.All || s.pub.first) }

// Record implements media.Node.
func (n *Node) Record(_ context.Context, ask media.Record) error {
	const op = "media.Record"
	if ask.Dir == "" {
		n.unrecord(ask.Room, "")
		return nil
	}
	if !filepath.IsAbs(ask.Dir) {
		return errs.Field(op, "dir", "bad_path", 0, "must be absolute")
	}
	if err := os.MkdirAll(ask.Dir, 0o750); err != nil {
		return errs.New(op, errs.Down, err)
	}
	n.mu.Lock()
	if n.budget == nil {
		n.budget = &record.Budget{Dir: n.recordings(ask.Dir), Bytes: n.cfg.RecordBytes, Reserve: n.cfg.Reserve}
	}
	budget := n.budget
	n.mu.Unlock()
	if err := budget.Check(ask.Dir); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.tasks == nil {
		return errs.Code(op, errs.Down, "stopping", "the node does not serve")
	}
	r := n.room(ask.Room)
	if r.rec != nil {
		if r.rec.Dir == ask.Dir {
			r.rec.All = ask.All
			return nil
		}
		r.rec.stop()
	}
	rec := &recording{Record: ask, n: n, began: time.Now(), budget: budget, takes: map[takeKey]*take{}}
	rec.ctx, rec.stop = context.WithCancel(context.Background())
	r.rec = rec
	n.tell(media.Event{Kind: media.Recording, Room: ask.Room, On: true})
	return nil
}

// recordings is the folder that the budget watches.
func (n *Node) recordings(dir string) string {
	if n.cfg.Recordings != "" {
		return n.cfg.Recordings
	}
	return dir
}

// unrecord ends a room's recording; why is a code, empty when it was asked for.
func (n *Node) unrecord(in, why string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	r := n.rooms[in]
	if r == nil || r.rec == nil {
		return
	}
	r.rec.stop()
	r.rec = nil
	n.tell(media.Event{Kind: media.Recording, Room: in, Err: why})
	n.arrange(in)
}

// follow begins and ends files as sources and their best layers come and go. The caller
// holds Node.mu.
func (rec *recording) follow(r *room) {
	want := map[takeKey][]*layer{}
	for _, s := range r.sources {
		if l := s.best(); l != nil && rec.wants(s) {
			k := takeKey{s.pub.ask.User, s.what == media.Screen}
			if s.audio {
				want[k] = append(want[k], l)
			} else {
				want[k] = append([]*layer{l}, want[k]...)
			}
		}
	}
	for k, t := range rec.takes {
		if !same(t.layers, want[k]) {
			t.stop()
			delete(rec.takes, k)
		}
	}
	for k, layers := range want {
		if rec.takes[k] == nil {
			rec.takes[k] = rec.begin(k, layers)
		}
	}
}

func same(a, b []*layer) bool {
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

// best is the highest layer that is sent.
func (s *source) best() *layer {
	for i := len(s.layers) - 1; i >= 0; i-- {
		if l := s.layers[i]; l.silent < silentMax || s.paused(l) {
			return l
		}
	}
	return nil
}

// begin writes one file, in tasks of the node.
func (rec *recording) begin(k takeKey, layers []*layer) *take {
	ctx, stop := context.WithCancel(rec.ctx)
	t := &take{layers: layers, stop: stop}
	what := media.Camera
	if k.screen {
		what = media.Screen
	}
	name := strconv.FormatInt(time.Since(rec.began).Milliseconds(), 10) + "-" + string(what) + "-" + plainName(k.user)
	cfg := record.Config{Name: filepath.Join(rec.Dir, name), User: k.user, Source: string(what), Budget: rec.budget}
	var taps []*forward.Tap
	for _, l := range layers {
		cfg.Tracks = append(cfg.Tracks, record.Track{Codec: l.codec, Clock: l.clock})
		taps = append(taps, l.fwd.Tap())
	}
	w, err := record.New(cfg)
	if err != nil {
		for _, tap := range taps {
			tap.Close()
		}
		rec.n.tasks.Go(func(context.Context) error { rec.fail(err); return nil }) // the caller holds Node.mu
		return t
	}
	left := make(chan struct{}, len(taps))
	for i, tap := range taps {
		rec.n.tasks.Go(func(c context.Context) error {
			defer context.AfterFunc(c, stop)()
			rec.write(ctx, w, i, layers[i], tap)
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
			rec.fail(err)
		}
		return nil
	})
	return t
}

// write copies one track into the file until it ends.
func (rec *recording) write(ctx context.Context, w *record.Writer, i int, l *layer, tap *forward.Tap) {
	buf := make([]byte, maxPacket)
	for {
		n, err := tap.Next(ctx, buf)
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, context.Canceled) {
				rec.fail(err)
			}
			return
		}
		if err := w.Write(i, buf[:n], time.Since(rec.began)); err != nil {
			rec.fail(err)
			return
		}
		if w.KeyWanted(i) {
			l.wantKey() // it throttles
		}
	}
}

// fail ends the recording and says why; the lesson goes on.
func (rec *recording) fail(err error) {
	code := "failed"
	if e, ok := errors.AsType[*errs.Error](err); ok && e.Code != "" {
		code = e.Code
	} else if errors.Is(err, fs.ErrClosed) {
		return
	}
	rec.n.log.Error("a recording ended by itself", "room", rec.Room, "err", err)
	rec.n.run(func(context.Context) {
		rec.n.mu.Lock()
		r := rec.n.rooms[rec.Room]
		mine := r != nil && r.rec == rec
		rec.n.mu.Unlock()
		if mine {
			rec.n.unrecord(rec.Room, code)
		}
	})
}

// plainName is an id as a part of a file's name.
func plainName(id string) string {
	return strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' {
			return c
		}
		return '_'
	}, id)
}
