package record

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/livelearn/box/services/media/forward"
)

const syncEach = 5 * time.Second // an SD card writes a whole erase block each time

// frame is one picture or packet of sound; its data stand in the part's.
type frame struct {
	track      int           // of the Writer; in a container's hands, of the file
	at         time.Duration // since the recording of the lesson began; in a container's hands, since the file's beginning
	key        bool
	from, size int
}

// container is how frames become a file's bytes.
type container interface {
	// head begins the file. At its end it is asked again for one of the same length:
	// how long the file plays and where its index stands.
	head(plays time.Duration, index int64) ([]byte, error)
	// cluster is the frames that stand at offset in the file, in order of time. The bytes
	// are valid until the next call.
	cluster(frames []frame, data []byte, offset int64) ([]byte, error)
	// index is for seeking; it stands at offset, at the end of the file.
	index(offset int64) ([]byte, error)
}

// part is one file.
type part struct {
	info    Part
	start   time.Duration
	numbers []int // the file's number of each of the writer's tracks; -1: not in it
	codecs  []forward.Codec
	box     container
	file    file
	path    string
	claim   func(int64) error // of disk
	size    int64
	end     time.Duration   // of the latest frame, since start
	next    []time.Duration // each track's next frame is not earlier; some may precede the start
	synced  time.Time

	frames      []frame // that wait to be written
	data        []byte  // their data
	first, last time.Duration
}

// keep takes a frame, to be written later.
func (p *part) keep(f frame, data []byte) {
	if len(p.frames) == 0 {
		p.first, p.last = f.at, f.at
	}
	p.first, p.last = min(p.first, f.at), max(p.last, f.at)
	f.from = len(p.data)
	p.data = append(p.data, data...)
	p.frames = append(p.frames, f)
}

// young tells that what waits began to wait just now.
func (p *part) young() bool { return p != nil && len(p.frames) == 1 }

// has tells that a frame of the writer's track waits.
func (p *part) has(track int) bool {
	return slices.ContainsFunc(p.frames, func(f frame) bool { return f.track == track })
}

// lacks tells that the file has no place for the writer's track.
func (p *part) lacks(track int) bool { return p.numbers[track] < 0 }

// shows tells that the file has pictures.
func (p *part) shows() bool {
	return slices.ContainsFunc(p.codecs, func(c forward.Codec) bool { return c != forward.Opus })
}

func (p *part) sort() {
	slices.SortStableFunc(p.frames, func(a, b frame) int { return cmp.Compare(a.at, b.at) })
}

// add takes a frame of the writer's. A picture's key frame begins a cluster, and so does a
// second's end.
func (p *part) add(f frame, data []byte) error {
	if p.numbers[f.track] < 0 {
		return nil
	}
	f.track = p.numbers[f.track]
	f.at = max(f.at-p.start, p.next[f.track])
	p.next[f.track] = f.at + time.Millisecond
	picture := p.codecs[f.track] != forward.Opus
	var err error
	if len(p.frames) > 0 && (f.at-p.first >= spanMax || picture && f.key || len(p.data)+len(data) > holdMax) {
		err = p.flush()
	}
	p.keep(f, data)
	p.end = max(p.end, f.at+nominal(p.codecs[f.track], data))
	return err
}

// flush writes what waits.
func (p *part) flush() error {
	if len(p.frames) == 0 {
		return nil
	}
	p.sort()
	b, err := p.box.cluster(p.frames, p.data, p.size)
	p.frames, p.data = p.frames[:0], p.data[:0]
	if err != nil {
		return err
	}
	return p.append(b)
}

// append writes b whole or not at all.
func (p *part) append(b []byte) error {
	if err := p.claim(int64(len(b))); err != nil {
		return err
	}
	if _, err := p.file.Write(b); err != nil {
		return full(errors.Join(err, p.file.Truncate(p.size)))
	}
	p.size += int64(len(b))
	if now := time.Now(); now.Sub(p.synced) >= syncEach {
		p.synced = now
		return full(p.file.Sync())
	}
	return nil
}

// finish ends the file; whole says that what waits may still be written. What cannot be
// written at its end leaves it playing, without an index.
func (p *part) finish(whole bool) error {
	var err error
	if whole {
		err = p.flush()
	}
	if err == nil && whole {
		err = p.seal()
	}
	p.info.DurationMS = p.end.Milliseconds()
	p.info.Bytes = p.size
	return errors.Join(err, full(p.file.Sync()), p.file.Close(), p.info.save(p.path, whole))
}

// seal writes the index, and then a head that knows of it.
func (p *part) seal() error {
	at := p.size
	index, err := p.box.index(at)
	if err != nil {
		return err
	}
	if err = p.append(index); err != nil {
		return err
	}
	head, err := p.box.head(p.end, at)
	if err != nil {
		return err
	}
	_, err = p.file.WriteAt(head, 0)
	return err
}
