package update

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/services/egress"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/update/bundle"
)

// Bounds of a fetch. Chunks that the running slot already has, by their sums, are read from
// there. The rest is requested in runs of several chunks.
const (
	maxRunBytes = 4 << 20 // bytes of one request
	maxAttempts = 6       // attempts for one run; the pause doubles after each
	minPause    = time.Second
)

// parseAddress parses and checks the address of a bundle.
func parseAddress(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || len(text) > 2000 {
		return nil, errs.NewField(op, "url", "bad_url", 0, "must be an http or https address of at most 2000 bytes")
	}
	return u, nil
}

// Fetch fetches a bundle from a web server, or from a neighbour box if the address ends in
// /api/update. It resumes an earlier attempt.
func (u *Updater) Fetch(ctx context.Context, from string) error {
	at, err := parseAddress(from)
	if err != nil {
		return err
	}
	s := &bundleSite{url: from, client: u.clientFor(from), isBox: strings.HasSuffix(at.Path, "/api/update")}
	return u.fetchFrom(ctx, s, at.Redacted())
}

// clientFor returns the client for an address. A box that was found in the network is in the local
// network, and everything else that an admin or a channel names is on the internet.
func (u *Updater) clientFor(from string) *http.Client {
	if u.deps.Peers != nil && slices.ContainsFunc(u.deps.Peers(), func(n Neighbour) bool { return n.URL == from }) {
		return u.boxes
	}
	return u.client
}

// requestError is the error of a request that failed. It holds nothing that the other side sent.
func requestError(err error) error {
	err = egress.Cause(err)
	if errs.KindOf(err) == errs.Invalid { // a refused address
		return err
	}
	return errs.New(op, errs.Down, err)
}

// statusError is the error of an answer with another status. The phrase behind it may hold any text.
func statusError(resp *http.Response) error {
	return newRefusal(errs.Down, "answer", "the server answers %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
}

// FetchStick reads a bundle from a USB stick. path is a path of Status.Sticks.
func (u *Updater) FetchStick(ctx context.Context, path string) error {
	var list []Stick
	if u.deps.Sticks != nil {
		list, _ = u.deps.Sticks() // an unreadable stick counts as missing
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
		at := u.Status(ctx).Received // resume an earlier attempt
		if _, err := f.Seek(at, io.SeekStart); err != nil {
			return errs.New(op, errs.Down, err)
		}
		return u.Receive(ctx, f, at, s.Name)
	}
	return newRefusal(errs.Missing, "no_stick", "there is no such bundle on a stick")
}

func (u *Updater) fetchFrom(ctx context.Context, s *bundleSite, name string) error {
	end, err := u.acquireReceive(name)
	if err != nil {
		return err
	}
	defer end()
	body, ranges, err := s.openHead(ctx)
	if err != nil {
		return err
	}
	head, err := u.openBundle(body, name, s.build)
	if err != nil || ranges {
		err = errors.Join(err, body.Close())
	}
	if err != nil {
		return err
	}
	u.mu.Lock()
	done := u.state.Done
	u.mu.Unlock()
	if !ranges { // the server sends the whole file, also the part that we have
		defer func() { _ = body.Close() }()
		if _, err := io.CopyN(io.Discard, body, u.receivedBytes(head)-head.DataAt); err != nil {
			return requestError(err)
		}
		return u.writeChunks(ctx, head, done, func(p bundle.Place) ([]byte, error) { return readNextChunk(body, p) })
	}
	return u.fetchMissing(ctx, s, head, done)
}

// fetchMissing writes the chunks from number done on. It fetches those that the running slot lacks.
func (u *Updater) fetchMissing(ctx context.Context, s *bundleSite, head *bundle.Head, done int) error {
	own, err := u.indexSlot(head)
	if err != nil {
		return err
	}
	defer own.close()
	s.own, s.places = own, head.ChunkPlaces()
	return u.writeChunks(ctx, head, done, func(p bundle.Place) ([]byte, error) {
		if data, ok := own.readChunk(p); ok {
			u.mu.Lock()
			u.state.Reused += int64(p.Packed)
			u.mu.Unlock()
			u.metrics.reused.Add(float64(p.Packed))
			return data, nil
		}
		return s.getChunk(ctx, head, p)
	})
}

func (u *Updater) receivedBytes(h *bundle.Head) int64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.state.fileOffset(h)
}

func readNextChunk(r io.Reader, p bundle.Place) ([]byte, error) {
	packed := make([]byte, p.Packed)
	if _, err := io.ReadFull(r, packed); err != nil {
		return nil, requestError(err)
	}
	return bundle.UnpackChunk(p.Chunk, packed)
}

// bundleSite is the source of a bundle, and the run of it that was fetched last.
type bundleSite struct {
	url    string
	isBox  bool // a neighbour box, which serves unpacked parts
	client *http.Client
	build  int // that the cloud offered, 0 for any

	own      *ownChunks
	places   []bundle.Place
	run      []byte // bytes of the last request
	runStart int64  // offset of run in the file or part
	runPart  string // part of run, if the source is a box
}

// openHead requests the beginning of the bundle, and reports whether the source serves ranges.
func (s *bundleSite) openHead(ctx context.Context) (io.ReadCloser, bool, error) {
	at := s.url
	if s.isBox {
		at += "/head"
	}
	resp, err := s.sendRequest(ctx, at, "")
	if err != nil {
		return nil, false, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, false, errors.Join(statusError(resp), resp.Body.Close())
	}
	return resp.Body, s.isBox || resp.Header.Get("Accept-Ranges") == "bytes", nil
}

func (s *bundleSite) sendRequest(ctx context.Context, at, ranges string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, err
	}
	if ranges != "" {
		req.Header.Set("Range", ranges)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, requestError(err)
	}
	return resp, nil
}

// getChunk returns one chunk. It fetches the following chunks in the same request and keeps them.
func (s *bundleSite) getChunk(ctx context.Context, h *bundle.Head, p bundle.Place) ([]byte, error) {
	at, size := h.DataAt+p.At, p.Packed
	if s.isBox {
		at, size = p.Offset, p.Size
	}
	if s.runPart != p.Part && s.isBox || at < s.runStart || at+int64(size) > s.runStart+int64(len(s.run)) {
		if err := s.loadRun(ctx, p, at); err != nil {
			return nil, err
		}
	}
	raw := s.run[at-s.runStart : at-s.runStart+int64(size)]
	if !s.isBox {
		return bundle.UnpackChunk(p.Chunk, raw)
	}
	if sha256.Sum256(raw) != p.Sum {
		return nil, newRefusal(errs.Invalid, bundle.Altered, "a chunk is not what was signed")
	}
	return raw, nil
}

// loadRun fetches a run of missing chunks, starting with p.
func (s *bundleSite) loadRun(ctx context.Context, p bundle.Place, at int64) error {
	size, began := int64(0), false
	for _, q := range s.places {
		if began = began || q.Part == p.Part && q.Offset == p.Offset; !began {
			continue
		}
		n := int64(q.Packed)
		if s.isBox {
			n = int64(q.Size)
		}
		if size > 0 && (size+n > maxRunBytes || s.own.hasChunk(q) || s.isBox && q.Part != p.Part) {
			break
		}
		size += n
	}
	from := s.url
	if s.isBox {
		from += "/part/" + p.Part
	}
	pause := minPause
	for try := 1; ; try++ {
		run, err := s.getRange(ctx, from, at, size)
		if err == nil {
			s.run, s.runStart, s.runPart = run, at, p.Part
			return nil
		}
		if try == maxAttempts || ctx.Err() != nil || errs.KindOf(err) != errs.Down {
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

func (s *bundleSite) getRange(ctx context.Context, from string, at, size int64) ([]byte, error) {
	resp, err := s.sendRequest(ctx, from, fmt.Sprintf("bytes=%d-%d", at, at+size-1))
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusPartialContent {
		return nil, statusError(resp)
	}
	run := make([]byte, size)
	if _, err := io.ReadFull(resp.Body, run); err != nil {
		return nil, requestError(err)
	}
	return run, nil
}

// ownChunks is an index of the chunks of the running slot by their sums.
type ownChunks struct {
	parts map[string]hal.SlotPart
	bySum map[bundle.Sum]chunkPlace
}

type chunkPlace struct {
	part   string
	offset int64
	size   int
}

// indexSlot splits the running slot into chunks. The length of its parts is not stored, so it
// reads up to twice the size of the new part.
func (u *Updater) indexSlot(h *bundle.Head) (*ownChunks, error) {
	st, err := u.deps.Slots.State()
	if err != nil {
		return nil, errs.New(op, errs.Down, err)
	}
	o := &ownChunks{parts: map[string]hal.SlotPart{}, bySum: map[bundle.Sum]chunkPlace{}}
	for _, p := range h.Payloads {
		part, err := u.deps.Slots.Open(st.Booted, p.Part, false)
		if err != nil {
			u.deps.Log.Warn("the running slot cannot be read, so the whole update is fetched", "part", p.Part, "err", err)
			continue
		}
		o.parts[p.Part] = part
		offset := int64(0)
		err = bundle.SplitChunks(io.NewSectionReader(part, 0, min(part.Size(), 2*p.Size)), func(data []byte) error {
			o.bySum[sha256.Sum256(data)] = chunkPlace{p.Part, offset, len(data)}
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

func (o *ownChunks) hasChunk(p bundle.Place) bool {
	h, ok := o.bySum[p.Sum]
	return ok && h.size == p.Size
}

// readChunk reads a chunk and checks its sum, because the index is only a hint.
func (o *ownChunks) readChunk(p bundle.Place) ([]byte, bool) {
	if !o.hasChunk(p) {
		return nil, false
	}
	h := o.bySum[p.Sum]
	data := make([]byte, h.size)
	if _, err := o.parts[h.part].ReadAt(data, h.offset); err != nil || sha256.Sum256(data) != p.Sum {
		delete(o.bySum, p.Sum)
		return nil, false
	}
	return data, true
}

func (o *ownChunks) close() {
	for _, p := range o.parts {
		_ = p.Close() // it was only read
	}
}
