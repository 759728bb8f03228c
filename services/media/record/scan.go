package record

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/Eyevinn/mp4ff/mp4"
)

// ReadDuration is the duration of a file of this package, read from its clusters or fragments.
// It works on a file that was cut off, too.
func ReadDuration(path string) (time.Duration, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }() // the file is only read
	read := webmDuration
	if strings.HasSuffix(path, ".mp4") {
		read = mp4Duration
	}
	d, err := read(f)
	if err != nil {
		return d, fmt.Errorf("%s: %w", path, err)
	}
	return d, nil
}

// element is an EBML element's beginning (RFC 8794 6).
type element struct {
	id   uint32
	size int64 // -1: unknown
}

// readElement reads an ID and a size.
func readElement(r *bufio.Reader) (e element, err error) {
	first, err := r.ReadByte()
	if err != nil {
		return e, err
	}
	e.id = uint32(first)
	n := 1
	for ; n < 4 && first>>(8-n) == 0; n++ {
		b, err := r.ReadByte()
		if err != nil {
			return e, err
		}
		e.id = e.id<<8 | uint32(b)
	}
	if first, err = r.ReadByte(); err != nil {
		return e, err
	}
	if first == 0 {
		return e, errors.New("not an EBML size")
	}
	n = 1
	for first>>(8-n) == 0 {
		n++
	}
	e.size = int64(first) &^ (1 << (8 - n))
	all := e.size == 1<<(8-n)-1
	for range n - 1 {
		b, err := r.ReadByte()
		if err != nil {
			return e, err
		}
		e.size, all = e.size<<8|int64(b), all && b == 0xFF
	}
	if all {
		e.size = -1
	}
	return e, nil
}

// webmDuration follows the clusters to the last whole block.
func webmDuration(f io.Reader) (end time.Duration, err error) {
	r := bufio.NewReaderSize(f, 64<<10)
	var cluster, latest int64
	for {
		e, err := readElement(r)
		switch {
		case errors.Is(err, io.EOF):
			return time.Duration(latest) * time.Millisecond, nil
		case err != nil:
			return 0, err
		}
		switch {
		case e.id == binary.BigEndian.Uint32(idSegment) || e.id == binary.BigEndian.Uint32(idCluster):
			continue // descend into it
		case e.size < 0 || e.size > 1<<30:
			return 0, errors.New("an element without an end")
		}
		at, err := readTime(r, e)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return time.Duration(latest) * time.Millisecond, nil
		}
		if err != nil {
			return 0, err
		}
		switch e.id {
		case idTimecode:
			cluster = at
		case idBlock:
			latest = max(latest, cluster+at)
		}
	}
}

// readTime reads an element to its end: the time in it, if it has one.
func readTime(r *bufio.Reader, e element) (at int64, err error) {
	var b [8]byte
	n := int64(0)
	switch e.id {
	case idTimecode:
		n = min(e.size, 8)
	case idBlock:
		n = min(e.size, 3)
	}
	if _, err := io.ReadFull(r, b[:n]); err != nil {
		return 0, err
	}
	switch {
	case e.id == idTimecode:
		for _, x := range b[:n] {
			at = at<<8 | int64(x)
		}
		at &= 1<<40 - 1
	case n == 3:
		at = int64(int16(binary.BigEndian.Uint16(b[1:])))
	}
	_, err = r.Discard(int(e.size - n))
	return at, err
}

// mp4Duration follows the fragments to the last whole one.
func mp4Duration(f io.Reader) (end time.Duration, err error) {
	r := bufio.NewReaderSize(f, 64<<10)
	scales := map[uint32]uint32{}
	var pending time.Duration
	for {
		h, err := mp4.DecodeHeader(r)
		switch {
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			return end, nil
		case err != nil:
			return end, err
		case h.Size > 1<<30 || h.Size > 16<<20 && h.Name != "mdat":
			return end, errors.New("a box without an end")
		}
		body := io.LimitReader(r, int64(h.Size)-int64(h.Hdrlen))
		switch h.Name {
		case "moov":
			err = readScales(h, body, scales)
		case "moof":
			pending, err = fragmentEnd(h, body, scales)
		default:
			var n int64
			if n, err = io.Copy(io.Discard, body); err == nil && n == int64(h.Size)-int64(h.Hdrlen) && h.Name == "mdat" {
				end = max(end, pending)
			}
		}
		if err != nil {
			//lint:ignore nilerr a file that is cut off ends here
			return end, nil
		}
	}
}

func readScales(h mp4.BoxHeader, r io.Reader, scales map[uint32]uint32) error {
	box, err := mp4.DecodeMoov(h, 0, r)
	if err != nil {
		return err
	}
	moov, ok := box.(*mp4.MoovBox)
	if !ok {
		return errors.New("no moov")
	}
	for _, t := range moov.Traks {
		if t.Tkhd == nil || t.Mdia == nil || t.Mdia.Mdhd == nil {
			return errors.New("a track without head")
		}
		scales[t.Tkhd.TrackID] = t.Mdia.Mdhd.Timescale
	}
	return nil
}

func fragmentEnd(h mp4.BoxHeader, r io.Reader, scales map[uint32]uint32) (end time.Duration, err error) {
	box, err := mp4.DecodeMoof(h, 0, r)
	if err != nil {
		return 0, err
	}
	moof, ok := box.(*mp4.MoofBox)
	if !ok {
		return 0, errors.New("no moof")
	}
	for _, t := range moof.Trafs {
		if t.Tfhd == nil || t.Tfdt == nil || t.Trun == nil || scales[t.Tfhd.TrackID] == 0 {
			continue
		}
		scale := uint64(scales[t.Tfhd.TrackID])
		at := t.Tfdt.BaseMediaDecodeTime() + t.Trun.Duration(0)
		end = max(end, time.Duration(at/scale)*time.Second+time.Duration(at%scale)*time.Second/time.Duration(scale))
	}
	return end, nil
}
