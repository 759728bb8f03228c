package record

import (
	"context"
	"io"
	"os"
	"time"
)

// filmWriter writes a planned film.
type filmWriter struct {
	*film
	ctx      context.Context
	out      *os.File
	progress func(phase string, done, total int64)
	total    int64 // bytes of all frames

	inputs   map[int]*os.File
	reported time.Time
	done     int64 // bytes of frames
	written  int64
}

// openInput opens a part's file. At most two are open: one of the pictures and one of the sound
// are read at a time.
func (w *filmWriter) openInput(n int) (*os.File, error) {
	if f := w.inputs[n]; f != nil {
		return f, nil
	}
	if len(w.inputs) >= 4 {
		w.closeFiles()
	}
	f, err := os.Open(w.paths[n])
	if err != nil {
		return nil, err
	}
	if w.inputs == nil {
		w.inputs = map[int]*os.File{}
	}
	w.inputs[n] = f
	return f, nil
}

func (w *filmWriter) closeFiles() {
	for n, f := range w.inputs {
		_ = f.Close() // the file is only read
		delete(w.inputs, n)
	}
}

// appendFrame appends a frame's bytes to data.
func (w *filmWriter) appendFrame(data []byte, x filmFrame) ([]byte, error) {
	if err := w.ctx.Err(); err != nil {
		return data, context.Cause(w.ctx)
	}
	if x.file < 0 {
		return append(data, silentPacket...), nil
	}
	f, err := w.openInput(x.file)
	if err != nil {
		return data, err
	}
	from := len(data)
	data = append(data, make([]byte, x.size)...)
	if _, err := io.ReadFull(io.NewSectionReader(f, x.offset, int64(x.size)), data[from:]); err != nil {
		return data, err
	}
	w.done += int64(x.size)
	if now := time.Now(); now.Sub(w.reported) > reportInterval {
		w.reported = now
		w.progress("writing", w.done, w.total)
	}
	return data, nil
}

// appendBytes adds to the end of the file.
func (w *filmWriter) appendBytes(b []byte) error {
	n, err := w.out.Write(b)
	w.written += int64(n)
	return err
}

// nextSpan takes the frames that begin before a time from the front of a list.
func nextSpan(list []filmFrame, before time.Duration) (span, rest []filmFrame) {
	n := 0
	for n < len(list) && list[n].at < before {
		n++
	}
	return list[:n], list[n:]
}

// writeWebM writes a film of VP8, VP9 or AV1.
func (w *filmWriter) writeWebM() error {
	c := newWebM(w.listFormats())
	head, err := c.encodeHead(0, 0)
	if err != nil {
		return err
	}
	if err := w.appendBytes(head); err != nil {
		return err
	}
	picture, sound := w.picture, w.sound
	for len(picture)+len(sound) > 0 {
		end := clusterEnd(picture, sound)
		var p, s []filmFrame
		p, picture = nextSpan(picture, end)
		s, sound = nextSpan(sound, end)
		if err := w.writeCluster(c, p, s); err != nil {
			return err
		}
	}
	index, err := c.encodeIndex(w.written)
	if err != nil {
		return err
	}
	at := w.written
	if err := w.appendBytes(index); err != nil {
		return err
	}
	if head, err = c.encodeHead(w.plays, at); err != nil {
		return err
	}
	_, err = w.out.WriteAt(head, 0)
	return err
}

// clusterEnd is the end of the next cluster: after a second, or before the next key frame.
func clusterEnd(picture, sound []filmFrame) time.Duration {
	first := time.Duration(1<<63 - 1)
	for _, list := range [][]filmFrame{picture, sound} {
		if len(list) > 0 {
			first = min(first, list[0].at)
		}
	}
	end, size := first+maxSpan, 0
	for i, x := range picture {
		size += x.size
		if x.at >= end || i > 0 && x.at > first && (x.key || size > maxHeldBytes) {
			return min(x.at, end)
		}
	}
	return end
}

func (w *filmWriter) writeCluster(c *webmFile, picture, sound []filmFrame) (err error) {
	p := part{}
	tracks := [][]filmFrame{picture, sound}
	if len(w.forms) == 0 {
		tracks = tracks[1:]
	}
	for track, list := range tracks {
		for _, x := range list {
			from := len(p.data)
			if p.data, err = w.appendFrame(p.data, x); err != nil {
				return err
			}
			p.frames = append(p.frames, frame{track: track, at: x.at, key: x.key, from: from, size: len(p.data) - from})
		}
	}
	if len(p.frames) == 0 {
		return nil
	}
	p.sortFrames()
	b, err := c.encodeCluster(p.frames, p.data, w.written)
	if err != nil {
		return err
	}
	return w.appendBytes(b)
}
