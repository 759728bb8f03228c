package screen

import (
	"errors"
	"fmt"
	"image"
	"strings"
)

// scanQR reads the QR code off a display as a camera does. It finds the three finders, takes the
// size of a module from them, and reads the modules at their centres. It corrects no errors, so
// every wrong dot shows. It reads versions 1 to 3, levels L and M (ISO/IEC 18004).
func scanQR(lit func(x, y int) bool) (string, error) {
	m, err := findGrid(lit)
	if err != nil {
		return "", err
	}
	format := 0
	for i := range 6 {
		format |= bitOf(m[8][i]) << (14 - i)
	}
	format |= bitOf(m[8][7])<<8 | bitOf(m[8][8])<<7 | bitOf(m[7][8])<<6
	for i := range 6 {
		format |= bitOf(m[5-i][8]) << (5 - i)
	}
	format ^= 0x5412
	level, mask := format>>13, format>>10&7
	data, ok := map[[2]int]int{
		{21, 1}: 19, {21, 0}: 16, {25, 1}: 34, {25, 0}: 28, {29, 1}: 55, {29, 0}: 44,
	}[[2]int{len(m), level}]
	if !ok {
		return "", fmt.Errorf("size %d, level %d", len(m), level)
	}
	return decodeText(readCodewords(m, mask)[:data*8], data)
}

func bitOf(b bool) int {
	if b {
		return 1
	}
	return 0
}

// findGrid finds the dark modules of the square that the lit quiet zone encloses.
func findGrid(lit func(x, y int) bool) ([][]bool, error) {
	box := image.Rectangle{}
	for y := range Height {
		for x := Width - codeWidth; x < Width; x++ {
			if !lit(x, y) {
				box = box.Union(image.Rect(x, y, x+1, y+1))
			}
		}
	}
	side := 0
	for side < Width && !lit(box.Min.X+side, box.Min.Y) {
		side++ // the upper edge of the first finder: seven modules
	}
	if box.Dx() != box.Dy() || side%7 != 0 || box.Dx()%(side/7) != 0 {
		return nil, fmt.Errorf("no code: dark is %v, a finder %d wide", box, side)
	}
	size := side / 7
	if quiet := min(box.Min.X-(Width-codeWidth), box.Min.Y, Width-box.Max.X, Height-box.Max.Y); quiet < size {
		return nil, fmt.Errorf("the quiet zone is %d dots", quiet)
	}
	m := make([][]bool, box.Dx()/size)
	for y := range m {
		m[y] = make([]bool, len(m))
		for x := range m {
			m[y][x] = !lit(box.Min.X+x*size+size/2, box.Min.Y+y*size+size/2)
		}
	}
	return m, nil
}

// isReserved reports whether a module holds no data.
func isReserved(n, x, y int) bool {
	finder := x < 9 && (y < 9 || y >= n-8) || x >= n-8 && y < 9
	align := n > 21 && x >= n-9 && x <= n-5 && y >= n-9 && y <= n-5
	return finder || align || x == 6 || y == 6
}

var qrMasks = [...]func(x, y int) bool{
	func(x, y int) bool { return (x+y)%2 == 0 }, func(_, y int) bool { return y%2 == 0 },
	func(x, _ int) bool { return x%3 == 0 }, func(x, y int) bool { return (x+y)%3 == 0 },
	func(x, y int) bool { return (y/2+x/3)%2 == 0 }, func(x, y int) bool { return x*y%2+x*y%3 == 0 },
	func(x, y int) bool { return (x*y%2+x*y%3)%2 == 0 }, func(x, y int) bool { return ((x+y)%2+x*y%3)%2 == 0 },
}

// readCodewords returns the bits in their order: two columns at a time from the right, up and down.
func readCodewords(m [][]bool, mask int) string {
	var b strings.Builder
	n, up := len(m), true
	for right := n - 1; right > 0; right -= 2 {
		if right == 6 {
			right-- // the timing pattern
		}
		for i := range n {
			y := i
			if up {
				y = n - 1 - i
			}
			for _, x := range []int{right, right - 1} {
				if !isReserved(n, x, y) {
					b.WriteByte("01"[bitOf(m[y][x] != qrMasks[mask](x, y))])
				}
			}
		}
		up = !up
	}
	return b.String()
}

const alnum = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"

// decodeText reads the segments: numbers, capitals and bytes.
func decodeText(bits string, data int) (string, error) {
	var out strings.Builder
	take := func(n int) (v int) {
		for range n {
			if bits != "" {
				v, bits = v<<1|int(bits[0]-'0'), bits[1:]
			}
		}
		return v
	}
	for len(bits) >= 4 {
		switch mode := take(4); mode {
		case 0:
			return out.String(), nil
		case 1:
			for n := take(10); n > 0; n -= 3 {
				d := min(n, 3)
				fmt.Fprintf(&out, "%0*d", d, take([]int{0, 4, 7, 10}[d]))
			}
		case 2:
			n := take(9)
			for ; n >= 2; n -= 2 {
				v := take(11)
				out.WriteString(string(alnum[v/45%45]) + string(alnum[v%45]))
			}
			if n == 1 {
				out.WriteByte(alnum[take(6)%45])
			}
		case 4:
			for range take(8) {
				out.WriteByte(byte(take(8)))
			}
		default:
			return "", fmt.Errorf("mode %d after %q of %d bytes", mode, out.String(), data)
		}
	}
	if out.Len() == 0 {
		return "", errors.New("nothing in it")
	}
	return out.String(), nil
}
