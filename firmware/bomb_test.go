package firmware

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"io"
	"strings"
	"testing"
)

// bombPiece is compressed once and repeated. Under the race detector, the compression of a whole bomb
// takes half a minute.
const bombPiece = 1 << 20

// deflateRepeated returns n times the byte c as a deflate stream (RFC 1951). The blocks before a flush
// end at a byte and refer to nothing before them, so they can follow themselves.
func deflateRepeated(t testing.TB, c string, n int64) []byte {
	t.Helper()
	blocks := func(length int64) []byte {
		var b bytes.Buffer
		z, err := flate.NewWriter(&b, flate.BestCompression)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = io.WriteString(z, strings.Repeat(c, int(length))); err == nil {
			err = z.Flush()
		}
		if err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	out := append(bytes.Repeat(blocks(bombPiece), int(n/bombPiece)), blocks(n%bombPiece)...)
	return append(out, 3, 0) // the last block, which is empty
}

// deflatedZeros returns n zeros as a zlib stream (RFC 1950). The checksum of zeros counts them.
func deflatedZeros(t testing.TB, n int64) string {
	t.Helper()
	out := append([]byte{0x78, 0xda}, deflateRepeated(t, "\x00", n)...)
	return string(binary.BigEndian.AppendUint32(out, uint32(n%65521)<<16|1))
}

// zipBomb is a zip with a small file, and a file of n spaces.
func zipBomb(t testing.TB, small, text, large string, n int64) []byte {
	t.Helper()
	body, sum := deflateRepeated(t, " ", n), uint32(0)
	for left := n; left > 0; left -= bombPiece {
		sum = crc32.Update(sum, crc32.IEEETable, bytes.Repeat([]byte(" "), int(min(left, bombPiece))))
	}
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	w, err := z.Create(small)
	if err == nil {
		_, err = io.WriteString(w, text)
	}
	if err == nil {
		w, err = z.CreateRaw(&zip.FileHeader{Name: large, Method: zip.Deflate, CRC32: sum, CompressedSize64: uint64(len(body)), UncompressedSize64: uint64(n)})
	}
	if err == nil {
		_, err = w.Write(body)
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// TestBombsAreWhole unpacks small ones with the readers that the box uses.
func TestBombsAreWhole(t *testing.T) {
	const n = 2*bombPiece + 5
	zeros, err := zlib.NewReader(strings.NewReader(deflatedZeros(t, n)))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(zeros); err != nil || !bytes.Equal(got, make([]byte, n)) {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
	data := zipBomb(t, "a", "{}", "b/c", n)
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	f, err := z.Open("b/c")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(f); err != nil || len(got) != n || strings.Trim(string(got), " ") != "" {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
}
