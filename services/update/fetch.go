package update

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/update/bundle"
)

// Fetching. What the running system has of a bundle is taken from there, found by the sums of
// its chunks; the rest is asked for in runs.
const (
	maxRun   = 4 << 20 // bytes asked for at once
	attempts = 6       // for a run, each after a pause twice as long
	minPause = time.Second
)

// address is an address that a bundle can be fetched from.
func address(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || len(text) > 2000 {
		return nil, errs.Field(op, "url", "bad_url", 0, "must be an http or https address of at most 2000 bytes")
	}
	return u, nil
}

// Fetch gets a bundle from a web server, or from a neighbour box if the address ends in its
// /api/update, and goes on where an earlier try was cut.
func (u *Updater) Fetch(ctx context.Context, from string) error {
	at, err := address(from)
	if err != nil {
		return err
	}
	s := &site{url: from, client: u.deps.Client, near: strings.HasSuffix(at.Path, "/api/update")}
	return u.fetch(ctx, s, at.Redacted())
}

// Stick reads a bundle from a USB stick, by its path in Status.Sticks.
func (u *Updater) Stick(ctx context.Context, path string) error {
	var list []Stick
	if u.deps.Sticks != nil {
		list, _ = u.deps.Sticks() // one that cannot be read is not there
	}
	for _, s := range list {
		if s.Path != path {
			continue
		}
		f, err := s.Open()
		if err != nil {
			return errs.New(op, errs.Down, err)
		}
		defer func() { _ = f.Close() }()
		err = u.Receive(ctx, f, 0, s.Name)
		if errs.KindOf(err) != errs.Stale {
			return err
		}
		at := u.Status(ctx).Received // an earlier try was cut
		if _, err := f.Seek(at, io.SeekStart); err != nil {
			return errs.New(op, errs.Down, err)
		}
		return u.Receive(ctx, f, at, s.Name)
	}
	return refuse(errs.Missing, "no_stick", "there is no such bundle on a stick")
}

func (u *Updater) fetch(ctx context.Context, s *site, name string) error {
	end, err := u.begin(name)
	if err != nil {
		return err
	}
	defer end()
	body, ranges, err := s.head(ctx)
	if err != nil {
		return err
	}
	head, err := u.open(body, name)
	if err != nil || ranges {
		err = errors.Join(err, body.Close())
	}
	if err != nil {
		return err
	}
	u.mu.Lock()
	done := u.state.Done
	u.mu.Unlock()
	if !ranges { // all of it comes, also what we have
		defer func() { _ = body.Close() }()
		if _, err := io.CopyN(io.Discard, body, u.here(head)-head.DataAt); err != nil {
			return errs.New(op, errs.Down, err)
		}
		return u.write(ctx, head, done, func(p bundle.Place) ([]byte, error) { return next(body, p) })
	}
	own, err := u.index(head)
	if err != nil {
		return err
	}
	defer own.close()
	s.own, s.places = own, head.Places()
	return u.write(ctx, head, done, func(p bundle.Place) ([]byte, error) {
		if data, ok := own.get(p); ok {
			u.mu.Lock()
			u.state.Reused += int64(p.Packed)
			u.mu.Unlock()
			u.metrics.reused.Add(float64(p.Packed))
			return data, nil
		}
		return s.chunk(ctx, head, p)
	})
}

func (u *Updater) here(h *bundle.Head) int64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.state.at(h)
}

func next(r io.Reader, p bundle.Place) ([]byte, error) {
	packed := make([]byte, p.Packed)
	if _, err := io.ReadFull(r, packed); err != nil {
		return nil, errs.New(op, errs.Down, err)
	}
	return bundle.Unpack(p.Chunk, packed)
}

// site is where a bundle is fetched from.
type site struct {
	url    string
	near   bool // a box: it gives parts unpacked
	client *http.Client

	own    *own
	places []bundle.Place
	run    []byte // what was asked for last
	from   int64  // where it begins
	part   string // of a box
}

// head asks for the beginning, and tells whether pieces can be asked for.
func (s *site) head(ctx context.Context) (io.ReadCloser, bool, error) {
	at := s.url
	if s.near {
		at += "/head"
	}
	resp, err := s.ask(ctx, at, "")
	if err != nil {
		return nil, false, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, false, errors.Join(refuse(errs.Down, "answer", "the server answers %s", resp.Status), resp.Body.Close())
	}
	return resp.Body, s.near || resp.Header.Get("Accept-Ranges") == "bytes", nil
}

func (s *site) ask(ctx context.Context, at, ranges string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, err
	}
	if ranges != "" {
		req.Header.Set("Range", ranges)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, errs.New(op, errs.Down, err)
	}
	return resp, nil
}

// chunk gives one chunk, with those that follow it asked for at once and kept.
func (s *site) chunk(ctx context.Context, h *bundle.Head, p bundle.Place) ([]byte, error) {
	at, size := h.DataAt+p.At, p.Packed
	if s.near {
		at, size = p.Offset, p.Size
	}
	if s.part != p.Part && s.near || at < s.from || at+int64(size) > s.from+int64(len(s.run)) {
		if err := s.load(ctx, p, at); err != nil {
			return nil, err
		}
	}
	raw := s.run[at-s.from : at-s.from+int64(size)]
	if !s.near {
		return bundle.Unpack(p.Chunk, raw)
	}
	if sha256.Sum256(raw) != p.Sum {
		return nil, refuse(errs.Invalid, bundle.Altered, "a chunk is not what was signed")
	}
	return raw, nil
}

// load asks for a run of chunks that are not here, from p on.
func (s *site) load(ctx context.Context, p bundle.Place, at int64) error {
	size, began := int64(0), false
	for _, q := range s.places {
		if began = began || q.Part == p.Part && q.Offset == p.Offset; !began {
			continue
		}
		n := int64(q.Packed)
		if s.near {
			n = int64(q.Size)
		}
		if size > 0 && (size+n > maxRun || s.own.has(q) || s.near && q.Part != p.Part) {
			break
		}
		size += n
	}
	from := s.url
	if s.near {
		from += "/part/" + p.Part
	}
	pause := minPause
	for try := 1; ; try++ {
		run, err := s.piece(ctx, from, at, size)
		if err == nil {
			s.run, s.from, s.part = run, at, p.Part
			return nil
		}
		if try == attempts || ctx.Err() != nil || errs.KindOf(err) != errs.Down {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
			pause *= 2
		}
	}
}

func (s *site) piece(ctx context.Context, from string, at, size int64) ([]byte, error) {
	resp, err := s.ask(ctx, from, fmt.Sprintf("bytes=%d-%d", at, at+size-1))
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusPartialContent {
		return nil, refuse(errs.Down, "answer", "the server answers %s", resp.Status)
	}
	run := make([]byte, size)
	if _, err := io.ReadFull(resp.Body, run); err != nil {
		return nil, errs.New(op, errs.Down, err)
	}
	return run, nil
}

// own is what the running system has, by the sums of its chunks.
type own struct {
	parts map[string]hal.SlotPart
	at    map[bundle.Sum]held
}

type held struct {
	part   string
	offset int64
	size   int
}

// index cuts the running slot into chunks. How far its parts reach nobody has written down,
// so twice of what is to come is looked at.
func (u *Updater) index(h *bundle.Head) (*own, error) {
	st, err := u.deps.Slots.State()
	if err != nil {
		return nil, errs.New(op, errs.Down, err)
	}
	o := &own{parts: map[string]hal.SlotPart{}, at: map[bundle.Sum]held{}}
	for _, p := range h.Payloads {
		part, err := u.deps.Slots.Open(st.Booted, p.Part, false)
		if err != nil {
			u.deps.Log.Warn("the running system cannot be read: all of the update is fetched", "part", p.Part, "err", err)
			continue
		}
		o.parts[p.Part] = part
		offset := int64(0)
		err = bundle.Split(io.NewSectionReader(part, 0, min(part.Size(), 2*p.Size)), func(data []byte) error {
			o.at[sha256.Sum256(data)] = held{p.Part, offset, len(data)}
			offset += int64(len(data))
			return nil
		})
		if err != nil {
			o.close()
			return nil, errs.New(op, errs.Down, err)
		}
	}
	return o, nil
}

func (o *own) has(p bundle.Place) bool {
	h, ok := o.at[p.Sum]
	return ok && h.size == p.Size
}

// get reads a chunk, and checks it: the index is a hint.
func (o *own) get(p bundle.Place) ([]byte, bool) {
	if !o.has(p) {
		return nil, false
	}
	h := o.at[p.Sum]
	data := make([]byte, h.size)
	if _, err := o.parts[h.part].ReadAt(data, h.offset); err != nil || sha256.Sum256(data) != p.Sum {
		delete(o.at, p.Sum)
		return nil, false
	}
	return data, true
}

func (o *own) close() {
	for _, p := range o.parts {
		_ = p.Close() // only read from
	}
}
