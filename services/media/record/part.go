package record

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/livelearn/box/services/media/forward"
)

const syncInterval = 5 * time.Second // an SD card writes a whole erase block for each sync

// frame is one picture or packet of sound. Its data is in the part's data.
type frame struct {
	track      int           // of the Writer, or of the file inside a container
	at         time.Duration // since the recording of the lesson began, or since the file began inside a container
	key        bool
	from, size int
}

// container encodes frames as a file's bytes.
type container interface {
	// encodeHead begins the file. At its end encodeHead is called again for a head of the same
	// length, with the file's duration and the offset of its index.
	encodeHead(plays time.Duration, index int64) ([]byte, error)
	// encodeCluster encodes the frames at offset in the file, in order of time. The bytes are
	// valid until the next call.
	encodeCluster(frames []frame, data []byte, offset int64) ([]byte, error)
	// encodeIndex is for seeking. The index is at offset, at the end of the file.
	encodeIndex(offset int64) ([]byte, error)
}

// part is one file.
type part struct {
	info         Part
	start        time.Duration
	trackNumbers []int // the file's number of each of the writer's tracks, -1: not in it
	codecs       []forward.Codec
	container    container
	file         file
	path         string
	claim        func(int64) error // claims disk space
	size         int64
	end          time.Duration   // of the latest frame, since start
	earliestNext []time.Duration // each track's next frame is not earlier, some may precede the start
	syncedAt     time.Time

	frames      []frame // waiting to be written
	data        []byte  // their data
	first, last time.Duration
}

// queueFrame keeps a frame, to be written later.
func (p *part) queueFrame(f frame, data []byte) {
	if len(p.frames) == 0 {
		p.first, p.last = f.at, f.at
	}
	p.first, p.last = min(p.first, f.at), max(p.last, f.at)
	f.from = len(p.data)
	p.data = append(p.data, data...)
	p.frames = append(p.frames, f)
}

// hasOneFrame reports whether the first frame has just begun to wait.
func (p *part) hasOneFrame() bool { return p != nil && len(p.frames) == 1 }

// hasTrack reports whether a frame of the writer's track waits.
func (p *part) hasTrack(track int) bool {
	return slices.ContainsFunc(p.frames, func(f frame) bool { return f.track == track })
}

// lacksTrack reports whether the file has no place for the writer's track.
func (p *part) lacksTrack(track int) bool { return p.trackNumbers[track] < 0 }

// hasVideo reports whether the file has pictures.
func (p *part) hasVideo() bool {
	return slices.ContainsFunc(p.codecs, func(c forward.Codec) bool { return c != forward.Opus })
}

func (p *part) sortFrames() {
	slices.SortStableFunc(p.frames, func(a, b frame) int { return cmp.Compare(a.at, b.at) })
}

// addFrame adds a frame. A key frame of a picture begins a new cluster, and so does the end of
// a second.
func (p *part) addFrame(f frame, data []byte) error {
	if p.trackNumbers[f.track] < 0 {
		return nil
	}
	f.track = p.trackNumbers[f.track]
	f.at = max(f.at-p.start, p.earliestNext[f.track])
	p.earliestNext[f.track] = f.at + time.Millisecond
	picture := p.codecs[f.track] != forward.Opus
	var err error
	if len(p.frames) > 0 && (f.at-p.first >= maxSpan || picture && f.key || len(p.data)+len(data) > maxHeldBytes) {
		err = p.flushFrames()
	}
	p.queueFrame(f, data)
	p.end = max(p.end, f.at+nominalDuration(p.codecs[f.track], data))
	return err
}

// flushFrames writes the waiting frames.
func (p *part) flushFrames() error {
	if len(p.frames) == 0 {
		return nil
	}
	p.sortFrames()
	b, err := p.container.encodeCluster(p.frames, p.data, p.size)
	p.frames, p.data = p.frames[:0], p.data[:0]
	if err != nil {
		return err
	}
	return p.appendBytes(b)
}

// appendBytes writes b whole or not at all.
func (p *part) appendBytes(b []byte) error {
	if err := p.claim(int64(len(b))); err != nil {
		return err
	}
	if _, err := p.file.Write(b); err != nil {
		return wrapDiskFull(errors.Join(err, p.file.Truncate(p.size)))
	}
	p.size += int64(len(b))
	if now := time.Now(); now.Sub(p.syncedAt) >= syncInterval {
		p.syncedAt = now
		return wrapDiskFull(p.file.Sync())
	}
	return nil
}

// finishFile ends the file. whole means that waiting frames may still be written. If its end
// cannot be written, the file still plays, without an index.
func (p *part) finishFile(whole bool) error {
	var err error
	if whole {
		err = p.flushFrames()
	}
	if err == nil && whole {
		err = p.writeIndex()
	}
	p.info.DurationMS = p.end.Milliseconds()
	p.info.Bytes = p.size
	return errors.Join(err, wrapDiskFull(p.file.Sync()), p.file.Close(), p.info.saveSidecar(p.path, whole))
}

// writeIndex writes the index, and then a head that points to it.
func (p *part) writeIndex() error {
	at := p.size
	index, err := p.container.encodeIndex(at)
	if err != nil {
		return err
	}
	if err = p.appendBytes(index); err != nil {
		return err
	}
	head, err := p.container.encodeHead(p.end, at)
	if err != nil {
		return err
	}
	_, err = p.file.WriteAt(head, 0)
	return err
}
