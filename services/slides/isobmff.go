package slides

import (
	"encoding/binary"
	"errors"
	"image"
	"io"
	"slices"
)

// maxMeta bounds the bytes of a "meta" box that are read. A photo of a phone has a few kilobytes.
const maxMeta = 1 << 20

// heifHead is what the boxes of a HEIC or an AVIF say of its primary picture (ISO 23008-12).
type heifHead struct {
	size       image.Point // before it is turned
	quarters   int         // turns of 90 degrees against the clock
	mirror     int         // after the turn: 0 not, 1 top and bottom, 2 left and right
	deep       bool        // more than 8 bits for each colour
	fullRange  bool        // of the brightness: 0 to 255
	redShare   float64     // of the brightness, and that of blue
	blueShare  float64
	properties []heifProperty // all in the file, in order
}

type heifProperty struct {
	kind string
	data []byte
}

var errNoPicture = errors.New("there is no still picture in it")

// sniffHEIF returns "heic" or "avif" for the head of such a file, by its brands.
func sniffHEIF(head []byte) string {
	if len(head) < 16 || string(head[4:8]) != "ftyp" {
		return ""
	}
	end := min(int(binary.BigEndian.Uint32(head)), len(head))
	brands := []string{string(head[8:12])}
	for at := 16; at+4 <= end; at += 4 {
		brands = append(brands, string(head[at:at+4]))
	}
	has := func(list ...string) bool {
		return slices.ContainsFunc(brands, func(b string) bool { return slices.Contains(list, b) })
	}
	switch {
	case has("avif", "avis"):
		return "avif"
	case has("heic", "heix", "heim", "heis", "hevc", "hevx"), slices.Contains([]string{"mif1", "msf1"}, brands[0]):
		return "heic"
	}
	return ""
}

// readHEIFHead reads the boxes up to "meta".
func readHEIFHead(r io.ReadSeeker) (heifHead, error) {
	h := heifHead{fullRange: true, redShare: 0.299, blueShare: 0.114}
	meta, err := findBox(r, "meta")
	if err != nil || len(meta) < 4 {
		return h, errors.Join(err, errNoPicture)
	}
	var primary uint32
	var uses [][]byte
	walkBoxes(meta[4:], func(kind string, data []byte) {
		switch {
		case kind == "pitm" && len(data) >= 8 && data[0] > 0:
			primary = binary.BigEndian.Uint32(data[4:])
		case kind == "pitm" && len(data) >= 6:
			primary = uint32(binary.BigEndian.Uint16(data[4:]))
		case kind == "iprp":
			walkBoxes(data, func(kind string, data []byte) {
				switch kind {
				case "ipco":
					walkBoxes(data, func(kind string, data []byte) { h.properties = append(h.properties, heifProperty{kind, data}) })
				case "ipma":
					uses = append(uses, data)
				}
			})
		}
	})
	for _, u := range uses {
		for _, i := range propertiesOf(u, primary) {
			if i >= 1 && i <= len(h.properties) {
				h.apply(h.properties[i-1])
			}
		}
	}
	h.properties = nil
	if h.size.X < 1 || h.size.Y < 1 {
		return h, errNoPicture
	}
	return h, nil
}

// findBox returns the data of a box of the file, at most maxMeta bytes of it.
func findBox(r io.ReadSeeker, name string) ([]byte, error) {
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	var head [16]byte
	for range 100 {
		if _, err := io.ReadFull(r, head[:8]); err != nil {
			return nil, errNoPicture
		}
		size, read := int64(binary.BigEndian.Uint32(head[:])), int64(8)
		if size == 1 {
			if _, err := io.ReadFull(r, head[8:]); err != nil {
				return nil, errNoPicture
			}
			size, read = int64(binary.BigEndian.Uint64(head[8:])&(1<<62-1)), 16
		}
		if string(head[4:8]) == name {
			if size == 0 { // up to the end
				size = read + maxMeta
			}
			return io.ReadAll(io.LimitReader(r, min(size-read, maxMeta)))
		}
		if size < read {
			return nil, errNoPicture
		}
		if _, err := r.Seek(size-read, io.SeekCurrent); err != nil {
			return nil, err
		}
	}
	return nil, errNoPicture
}

// walkBoxes calls f for each box in data. It stops at a box that is not whole.
func walkBoxes(data []byte, f func(kind string, data []byte)) {
	for len(data) >= 8 {
		size, read := uint64(binary.BigEndian.Uint32(data)), uint64(8)
		switch {
		case size == 0:
			size = uint64(len(data))
		case size == 1 && len(data) >= 16:
			size, read = binary.BigEndian.Uint64(data[8:]), 16
		}
		if size < read || size > uint64(len(data)) {
			return
		}
		f(string(data[4:8]), data[read:size])
		data = data[size:]
	}
}

// propertiesOf returns the numbers of the properties of an item, from 1, in their order ("ipma",
// section 9.3.2).
func propertiesOf(ipma []byte, item uint32) (list []int) {
	if len(ipma) < 8 {
		return nil
	}
	idSize, wide := 2, ipma[3]&1 != 0
	if ipma[0] > 0 {
		idSize = 4
	}
	entries := binary.BigEndian.Uint32(ipma[4:])
	rest := ipma[8:]
	for range entries {
		if len(rest) < idSize+1 {
			return list
		}
		id := uint32(binary.BigEndian.Uint16(rest))
		if idSize == 4 {
			id = binary.BigEndian.Uint32(rest)
		}
		count := int(rest[idSize])
		rest = rest[idSize+1:]
		for range count {
			var n int
			switch {
			case wide && len(rest) >= 2:
				n, rest = int(binary.BigEndian.Uint16(rest))&0x7fff, rest[2:]
			case !wide && len(rest) >= 1:
				n, rest = int(rest[0])&0x7f, rest[1:]
			default:
				return list
			}
			if id == item {
				list = append(list, n)
			}
		}
	}
	return list
}

// apply takes what a property says.
func (h *heifHead) apply(p heifProperty) {
	d := p.data
	switch {
	case p.kind == "ispe" && len(d) >= 12:
		w, hgt := binary.BigEndian.Uint32(d[4:]), binary.BigEndian.Uint32(d[8:])
		h.size = image.Pt(int(min(w, 1<<20)), int(min(hgt, 1<<20)))
	case p.kind == "irot" && len(d) >= 1:
		h.quarters = int(d[0] & 3)
	case p.kind == "imir" && len(d) >= 1:
		h.mirror = 1 + int(d[0]&1)
	case p.kind == "pixi" && len(d) >= 5:
		h.deep = slices.ContainsFunc(d[5:], func(bits byte) bool { return bits > 8 })
	case p.kind == "av1C" && len(d) >= 3:
		h.deep = h.deep || d[2]&0x40 != 0
	case p.kind == "colr" && len(d) >= 11 && string(d[:4]) == "nclx":
		h.fullRange = d[10]&0x80 != 0
		switch binary.BigEndian.Uint16(d[8:]) { // ISO 23091-2, matrix coefficients
		case 1:
			h.redShare, h.blueShare = 0.2126, 0.0722
		case 9, 10:
			h.redShare, h.blueShare = 0.2627, 0.0593
		}
	}
}

// orientation returns the turn and the mirror as an EXIF orientation.
func (h heifHead) orientation() int {
	return [4][3]int{{1, 4, 2}, {8, 5, 7}, {3, 2, 4}, {6, 7, 5}}[h.quarters][h.mirror]
}

func isHEIF(kind string) bool { return kind == "heic" || kind == "avif" }

// picture returns the size and the turn of the decoded picture, and the memory of decoding a pixel
// of it: in the sandbox the planes, twice the pixels for AVIF, and a copy of them outside. libheif
// turns the picture itself.
func (h heifHead) picture(kind string) (pictureInfo, int64) {
	info := pictureInfo{w: h.size.X, h: h.size.Y, orientation: h.orientation()}
	cost := int64(7)
	if kind == "avif" {
		cost = 12
	} else if info.orientation >= 5 {
		info.w, info.h = info.h, info.w
	}
	if kind == "heic" {
		info.orientation = 1
	}
	if h.deep {
		cost *= 2
	}
	return info, cost
}
