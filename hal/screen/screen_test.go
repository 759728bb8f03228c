package screen

import (
	"bytes"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/livelearn/box/hal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "write the golden files")

// testPages are pages that a box shows (firmware/display).
var testPages = map[string]hal.Page{
	"claim": {
		Title: "LiveLearn Box",
		Lines: []string{"Open    http://192.168.100.100", "Open    http://livelearn-box.local", "Claim   4821-9930"},
		QR:    "http://192.168.100.100",
	},
	"lesson": {
		Title: "LiveLearn Box · Größe 7b",
		Lines: []string{"Open    http://10.0.0.7", "Join    123 456   7b"},
		QR:    "http://10.0.0.7/j/abcdefghijklmnopqrstuvwxyz", State: "lesson",
	},
	"ask":      {Title: "New claim code?", Lines: []string{"Let go, then press", "once for yes. Wait", "for no. Lessons stay."}},
	"starting": {Title: "LiveLearn Box", Lines: []string{"starting: network"}, State: "booting"},
}

func asciiShape(p hal.Page) string {
	img := Render(p)
	var b strings.Builder
	for y := range Height {
		for x := range Width {
			b.WriteString(map[bool]string{true: "#", false: "."}[bool(img.BitAt(x, y))])
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestPagesLookAsTheyDid(t *testing.T) {
	for name, p := range testPages {
		file := "testdata/" + name + ".golden"
		got := asciiShape(p)
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil || !bytes.Equal(want, []byte(got)) {
			t.Errorf("%s has changed (%v); go test -update writes it:\n%s", name, err, got)
		}
	}
}

// TestCodeOfTheAddressIsScannable reads the code back from the dots.
func TestCodeOfTheAddressIsScannable(t *testing.T) {
	for text, want := range map[string]string{
		"http://192.168.100.100":                   "http://192.168.100.100",
		"http://255.255.255.255:65535":             "http://255.255.255.255:65535",
		"http://livelearn.home":                    "http://livelearn.home",
		"http://10.0.0.7/j/k":                      "http://10.0.0.7/j/k",
		"http://10.0.0.7/j/abcdefghijklmnopqrstuv": "http://10.0.0.7", // people type the code
		"HTTP://A":      "HTTP://A",
		"1234567890123": "1234567890123",
		"http://livelearn-box-of-the-library.home": "http://livelearn-box-of-the-library.home",
	} {
		img := Render(hal.Page{Title: "LiveLearn Box", Lines: []string{strings.Repeat("x", 400)}, QR: text, State: "ready"})
		got, err := scanQR(func(x, y int) bool { return bool(img.BitAt(x, y)) })
		if err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", text, got, err, want)
		}
	}
}

func TestWrongDotIsSeenByTheScan(t *testing.T) {
	img := Render(testPages["claim"])
	x, y := Width-codeWidth/2, Height/2
	_, err := scanQR(func(i, j int) bool { return bool(img.BitAt(i, j)) != (i/2 == x/2 && j/2 == y/2) })
	got, _ := scanQR(func(i, j int) bool { return bool(img.BitAt(i, j)) != (i/2 >= x/2 && j/2 == y/2) })
	if got == testPages["claim"].QR && err == nil {
		t.Error("the scan does not look")
	}
}

func TestWhatMattersIsOnASmallDisplay(t *testing.T) {
	for name, want := range map[string][]string{
		"claim":    {"LiveLearn", "192.168.", "100.100", "Claim", "4821-9930"},
		"lesson":   {"lesson", "10.0.0.7", "Join", "123 456", "7b"},
		"ask":      {"New claim code?", "Let go, then press", "once for yes. Wait", "for no. Lessons", "stay."},
		"starting": {"LiveLearn Box", "starting: network", "booting"},
	} {
		columns := Width / glyphWidth
		if encodeQR(testPages[name].QR) != nil {
			columns = (Width - codeWidth) / glyphWidth
		}
		if got := layOutPage(testPages[name], columns); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	long := hal.Page{Title: "LiveLearn Box · Room of Ada", QR: "http://10.0.0.7"}
	if got := layOutPage(long, 9)[0]; got != "Room of A" {
		t.Errorf("the box's name: got %q", got)
	}
	if got := layOutPage(hal.Page{Lines: []string{"http://[2001:db8::1]:8080/x"}}, 9); got[1] != "http://" {
		t.Errorf("an address is broken in its midst: %q", got)
	}
}

func FuzzRender(f *testing.F) {
	f.Add("LiveLearn Box · Größe", "Open    http://192.0.2.1\nJoin    123 456   7b", "http://192.0.2.1/j/x", "ready")
	f.Add("\x00\xff\u202e", strings.Repeat("é", 300)+"\n\n::::", strings.Repeat("q", 3000), "")
	f.Fuzz(func(t *testing.T, head, lines, qr, state string) {
		p := hal.Page{Title: head, Lines: strings.Split(lines, "\n"), QR: qr, State: state}
		if img := Render(p); len(img.Pix) != Width*Height/8 {
			t.Errorf("%d bytes", len(img.Pix))
		}
		for _, columns := range []int{9, 18} {
			list := layOutPage(p, columns)
			if len(list) > rowCount {
				t.Errorf("%d rows", len(list))
			}
			for _, l := range list {
				if len(l) > columns || strings.ContainsFunc(l, func(r rune) bool { return r < ' ' || r > '~' }) {
					t.Errorf("a row of %q", l)
				}
			}
		}
	})
}
