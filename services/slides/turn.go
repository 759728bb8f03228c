package slides

import (
	"bytes"
	"encoding/binary"
	"io"
)

// maxEXIF bounds the bytes of an EXIF part that are read: the orientation is in its beginning.
const maxEXIF = 256 << 10

// readTurn returns the orientation in a picture's file, 1 for none. A part that it cannot read counts
// as upright.
func readTurn(f io.ReadSeeker, kind string) (turn int, progressive bool, err error) {
	var data []byte
	switch kind {
	case "jpeg":
		return scanJPEG(f)
	case "png":
		data, err = findPNGChunk(f, "eXIf")
	case "webp":
		data, err = findRIFFChunk(f, "EXIF")
	case "tiff":
		return readTIFFTurn(f), false, nil
	}
	if turn = tiffOrientation(bytes.TrimPrefix(data, []byte("Exif\x00\x00"))); turn == 0 {
		turn = 1
	}
	return turn, false, err
}

// findPNGChunk returns the data of a chunk (PNG third edition, section 5.3), or nothing.
func findPNGChunk(f io.ReadSeeker, name string) ([]byte, error) {
	return findChunk(f, 8, name, func(head []byte) (string, int64, int64) {
		n := int64(binary.BigEndian.Uint32(head))
		return string(head[4:]), n, n + 4 // and a checksum
	})
}

// findRIFFChunk returns the data of a chunk of a WebP (RFC 9649, section 2.3), or nothing.
func findRIFFChunk(f io.ReadSeeker, name string) ([]byte, error) {
	return findChunk(f, 12, name, func(head []byte) (string, int64, int64) {
		n := int64(binary.LittleEndian.Uint32(head[4:]))
		return string(head[:4]), n, n + n&1
	})
}

// findChunk walks the chunks of a file from a place on. parse returns the name, the size and the way
// to the next chunk for the 8 bytes before a chunk's data.
func findChunk(f io.ReadSeeker, start int64, name string, parse func(head []byte) (string, int64, int64)) ([]byte, error) {
	if _, err := f.Seek(start, io.SeekStart); err != nil {
		return nil, err
	}
	var head [8]byte
	for range 10_000 {
		if _, err := io.ReadFull(f, head[:]); err != nil {
			//lint:ignore nilerr a picture without the chunk is not turned
			return nil, nil
		}
		found, size, skip := parse(head[:])
		if found == name {
			data, err := io.ReadAll(io.LimitReader(f, min(size, maxEXIF)))
			return data, err
		}
		if _, err := f.Seek(skip, io.SeekCurrent); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// readTIFFTurn returns the orientation of a TIFF, whose tags may be anywhere in the file.
func readTIFFTurn(f io.ReadSeeker) int {
	var head [8]byte
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return 1
	}
	if _, err := io.ReadFull(f, head[:]); err != nil {
		return 1
	}
	at := int64(byteOrder(head[:]).Uint32(head[4:]))
	if _, err := f.Seek(at, io.SeekStart); err != nil {
		return 1
	}
	tags, err := io.ReadAll(io.LimitReader(f, 2+12*1000))
	if err != nil {
		return 1
	}
	byteOrder(head[:]).PutUint32(head[4:], uint32(len(head)))
	if turn := tiffOrientation(append(head[:], tags...)); turn != 0 {
		return turn
	}
	return 1
}

func byteOrder(tiff []byte) binary.ByteOrder {
	if tiff[0] == 'M' {
		return binary.BigEndian
	}
	return binary.LittleEndian
}
