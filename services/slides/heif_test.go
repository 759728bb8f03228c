package slides

import (
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"errors"
	"fmt"
	"image"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/livelearn/box/services/errs"
)

// The pictures were made with heif-enc and avifenc of a picture with a red, a green, a blue and a
// white quarter, 122 x 76. The turned HEIC has a turn of 270 degrees and a mirror of top and bottom,
// the turned AVIF a turn of 90 degrees and the same mirror.
func TestPicturesOfPhonesAreTaken(t *testing.T) {
	wide, high := image.Pt(122, 76), image.Pt(76, 122)
	for name, want := range map[string]struct {
		colours string
		size    image.Point
	}{
		"corners.heic": {"RGBW", wide}, "deep.heic": {"RGBW", wide}, "limited.heic": {"RGBW", wide}, "turned.heic": {"WGBR", high}, "narrow.heic": {"RGBW", image.Pt(33, 129)},
		"corners.avif": {"RGBW", wide}, "deep.avif": {"RGBW", wide}, "limited.avif": {"RGBW", wide}, "turned.avif": {"RBGW", high}, "narrow.avif": {"RGBW", image.Pt(33, 129)},
	} {
		data := readTestFile(t, name)
		s := putFiles(t, data)
		p := mustRasterise(t, s)[0]
		img := loadImage(t, s, p, p.W)
		if got := quarterColours(img); got != want.colours || img.Bounds().Size() != want.size {
			t.Errorf("%s: %s, %v, want %s, %v", name, got, img.Bounds().Size(), want.colours, want.size)
		}
		if c := img.At(want.size.X/4, want.size.Y/4); name[0] != 't' && !isNear(c, 255, 0, 0) {
			t.Errorf("%s: red is %v", name, c)
		}
		made, err := PictureSpec{Cache: testCache}.Make(data)
		if err != nil || made.W != want.size.X || made.H != want.size.Y {
			t.Errorf("%s: %d x %d, %v", name, made.W, made.H, err)
		}
	}
}

// isNear allows for what a lossy format changes.
func isNear(c interface{ RGBA() (r, g, b, a uint32) }, want ...uint8) bool {
	r, g, b, _ := c.RGBA()
	return abs(uint8(r>>8), want[0]) < 8 && abs(uint8(g>>8), want[1]) < 8 && abs(uint8(b>>8), want[2]) < 8
}

func TestADamagedPictureOfAPhoneIsRefusedWithAdvice(t *testing.T) {
	for _, name := range []string{"corners.heic", "corners.avif"} {
		whole := readTestFile(t, name)
		huge := bytes.Clone(whole)
		at := bytes.Index(huge, []byte("ispe"))
		copy(huge[at+8:], []byte{0, 0, 0x40, 0, 0, 0, 0x40, 0})
		for what, c := range map[string]struct {
			data []byte
			code string
		}{
			"cut in the boxes": {whole[:60], "heic"}, "cut in the picture": {whole[:len(whole)-200], "heic"}, "only its kind": {whole[:20], "heic"}, "too large": {huge, "too_large"},
		} {
			if e := refusedWith(t, putFiles(t, c.data)); e.Code != c.code {
				t.Errorf("%s, %s: %v", name, what, e)
			}
		}
	}
}

// ISO 23008-12, sections 6.5.10 and 6.5.12; EXIF 2.3, section 4.6.4.
func TestATurnAndAMirrorAreOneOrientation(t *testing.T) {
	for quarters := range 4 {
		for mirror := range 3 {
			got := applyOrientation(cornersPicture(8, 4), heifHead{quarters: quarters, mirror: mirror}.orientation())
			want := cornersPicture(8, 4)
			for range quarters {
				want = applyOrientation(want, 8)
			}
			if mirror > 0 {
				want = applyOrientation(want, []int{4, 2}[mirror-1])
			}
			if diff := cmp.Diff(got, want); diff != "" {
				t.Errorf("%d quarters, mirror %d: %s", quarters, mirror, diff)
			}
		}
	}
}

func TestBrandsTellHEICFromAVIF(t *testing.T) {
	ftyp := func(brands string) []byte {
		return append([]byte{0, 0, 0, byte(12 + len(brands))}, "ftyp"+brands[:4]+"\x00\x00\x00\x00"+brands[4:]...)
	}
	for brands, want := range map[string]string{
		"heicmif1": "heic", "mif1heic": "heic", "heixmif1": "heic", "mif1": "heic", "avifmif1": "avif", "mif1avif": "avif", "avismsf1": "avif", "mp42isom": "", "qt  ": "",
	} {
		if got := sniffKind(ftyp(brands)); got != want {
			t.Errorf("%s: %q, want %q", brands, got, want)
		}
	}
}

// The decoders are those of the modules that they come from.
func TestDecodersAreUnchanged(t *testing.T) {
	for sum, code := range map[string][]byte{
		"3634a6447ea3915633667f39e01ff540a60f4e2f837a8391d044d76dfd8a0435": heifCode,
		"1ee2423413384d54b3fa4e2882424d60a2a05f5fe7ec573535fdb6b531071a9b": avifCode,
		"133ee42170152554a834e1079822cdeb2809b40f22c3740741d466173642bbb3": resvgCode,
	} {
		if got := fmt.Sprintf("%x", sha256.Sum256(code)); got != sum {
			t.Errorf("got %s, want %s", got, sum)
		}
	}
}

// A card has no C library: the decoders may not bring one in.
func TestThePageMakerOpensNoLibrary(t *testing.T) {
	program := filepath.Join(t.TempDir(), "compile")
	build := exec.Command("go", "build", "-o", program, "./testdata/compile")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatal(err, string(out))
	}
	f, err := elf.Open(program)
	checkError(t, err)
	defer func() { _ = f.Close() }()
	libraries, err := f.ImportedLibraries()
	symbols, noSymbols := f.ImportedSymbols()
	if err != nil && !errors.Is(err, elf.ErrNoSymbols) || len(libraries) > 0 || len(symbols) > 0 {
		t.Errorf("libraries %v, symbols %v, %v %v", libraries, symbols, err, noSymbols)
	}
}

// Any bytes must give an answer.
func FuzzHEIFHead(f *testing.F) {
	for _, name := range []string{"turned.heic", "turned.avif", "deep.avif", "limited.avif"} {
		f.Add(readTestFile(f, name))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		head, err := readHEIFHead(bytes.NewReader(data))
		info, cost := head.picture("heic")
		if err == nil && (info.w < 1 || info.h < 1 || cost < 1 || info.orientation != 1) {
			t.Errorf("%+v %d", info, cost)
		}
		if turn := head.orientation(); turn < 1 || turn > 8 {
			t.Error(turn)
		}
		_ = sniffHEIF(data)
	})
}

func TestAPictureOfAPhoneWithoutASizeIsRefused(t *testing.T) {
	data := []byte(strings.ReplaceAll(string(readTestFile(t, "corners.avif")), "ispe", "free"))
	if _, err := readPictureInfo(bytes.NewReader(data), "avif", "file"); errs.KindOf(err) != errs.Invalid {
		t.Error(err)
	}
}
