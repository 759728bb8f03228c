package firmware

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/gateway"
	"github.com/livelearn/box/services/jobs"
	"github.com/livelearn/box/services/library"
	"github.com/livelearn/box/services/slides"
)

// document writes a PDF by hand. The first object is the catalogue, the second the pages.
func document(objects ...string) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.7\n")
	var table strings.Builder
	table.WriteString(fmt.Sprintf("xref\n0 %d\n0000000000 65535 f \n", len(objects)+1))
	for i, o := range objects {
		table.WriteString(fmt.Sprintf("%010d 00000 n \n", b.Len()))
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	start := b.Len()
	fmt.Fprintf(&b, "%strailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", table.String(), len(objects)+1, start)
	return b.Bytes()
}

func stream(dict, data string) string {
	return fmt.Sprintf("<< %s /Length %d >>\nstream\n%s\nendstream", dict, len(data), data)
}

// onePage is a page with a content and a resource called X.
func onePage(content, x string, more ...string) []byte {
	return document(append([]string{
		"<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 960 540] /Contents 4 0 R /Resources << /XObject << /X 5 0 R >> >> >>",
		stream("", content), x,
	}, more...)...)
}

func deflated(t testing.TB, n int64) string {
	t.Helper()
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	if _, err := io.CopyN(z, zeros{}, n); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// bomb is a page with a picture that takes 400 MB unpacked and 400 kB as it is.
func bomb(t testing.TB) []byte {
	const side = 20_000
	return onePage("960 0 0 540 0 0 cm /X Do", stream(fmt.Sprintf(
		"/Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceGray /BitsPerComponent 8 /Filter /FlateDecode", side, side),
		deflated(t, side*side)))
}

// laughs is a page that draws 2 to the power of 40 rectangles: their list alone is more
// than the sandbox holds.
func laughs() []byte {
	form := func(next int) string {
		return stream(fmt.Sprintf("/Type /XObject /Subtype /Form /BBox [0 0 960 540] /Resources << /XObject << /X %d 0 R >> >>", next), "/X Do /X Do")
	}
	var more []string
	for i := range 40 {
		more = append(more, form(7+i))
	}
	return onePage("/X Do", form(6), append(more, stream("/Type /XObject /Subtype /Form /BBox [0 0 960 540]", "0 0 960 540 re f"))...)
}

// slow is a page that is painted over for minutes.
func slow() []byte { return onePage(strings.Repeat("0 0 960 540 re f\n", 300_000), "null") }

// photograph is the most costly picture that is taken: 39 megapixels of 64 bits.
func photograph(t testing.TB) []byte {
	const w, h = 7800, 5000
	out := []byte("\x89PNG\r\n\x1a\n")
	chunk := func(name, data string) {
		out = binary.BigEndian.AppendUint32(out, uint32(len(data)))
		at := len(out)
		out = append(append(out, name...), data...)
		out = binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out[at:]))
	}
	size := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, w), h)
	chunk("IHDR", string(size)+"\x10\x06\x00\x00\x00")
	chunk("IDAT", deflated(t, (w*8+1)*h))
	chunk("IEND", "")
	return out
}

// cache is where all tests of a run find PDFium compiled.
func cache(t testing.TB) string {
	t.Helper()
	return filepath.Join(os.TempDir(), fmt.Sprintf("livelearn-test-compiled-%d", os.Getpid()))
}

// rasteriser runs the real worker process on a file, with limits, and gives what it used.
func rasteriser(t testing.TB, data []byte, memory int64, limit time.Duration) (pages []slides.Page, usage *syscall.Rusage, err error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "in"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	w := (&Box{parts: Parts{Program: program(t)}}).worker("slides", memory, limit)
	var cmd *exec.Cmd
	command := w.Command
	w.Command = func() *exec.Cmd {
		cmd = command()
		return cmd
	}
	spec := slides.Spec{In: filepath.Join(dir, "in"), Out: filepath.Join(dir, "out"), Cache: cache(t)}
	err = w.Run(t.Context(), spec, nil, nil, &pages)
	if cmd.ProcessState == nil {
		t.Fatalf("the worker did not end: %v", err)
	}
	usage, _ = cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return pages, usage, err
}

func TestHostileFilesEndWithinTheirLimits(t *testing.T) {
	t.Cleanup(func() { _ = os.RemoveAll(cache(t)) })
	start := time.Now()
	pages, usage, err := rasteriser(t, onePage("0 0 100 100 re f", "null"), slidesMemory, time.Minute)
	if err != nil || len(pages) != 1 {
		t.Fatalf("got %v, %v", pages, err)
	}
	t.Logf("first use: %v, %d MB", time.Since(start), usage.Maxrss>>10)
	start = time.Now()
	if _, usage, err = rasteriser(t, onePage("0 0 100 100 re f", "null"), slidesMemory, time.Minute); err != nil {
		t.Fatal(err)
	}
	t.Logf("with the cache: %v, %d MB", time.Since(start), usage.Maxrss>>10)

	t.Run("a bomb", func(t *testing.T) {
		pages, usage, err := rasteriser(t, bomb(t), slidesMemory, time.Minute)
		t.Logf("%v, %v, %d MB, %v", pages, err, usage.Maxrss>>10, time.Duration(usage.Utime.Nano()))
		if err != nil && errs.KindOf(err) != errs.Invalid {
			t.Errorf("got %v", err)
		}
		if usage.Maxrss<<10 > slidesMemory {
			t.Errorf("it took %d MB", usage.Maxrss>>10)
		}
	})
	t.Run("the largest picture", func(t *testing.T) {
		pages, usage, err := rasteriser(t, photograph(t), slidesMemory, time.Minute)
		if err != nil || len(pages) != 1 || pages[0].W != 1920 {
			t.Errorf("got %v, %v", pages, err)
		}
		t.Logf("%d MB, %v", usage.Maxrss>>10, time.Duration(usage.Utime.Nano()))
	})
	t.Run("no end", func(t *testing.T) {
		start := time.Now()
		_, _, err := rasteriser(t, slow(), slidesMemory, 2*time.Second)
		if d := time.Since(start); d > 10*time.Second {
			t.Errorf("it ran for %v", d)
		}
		if e, ok := errors.AsType[*errs.Error](err); !ok || e.Code != "timeout" {
			t.Errorf("got %v", err)
		}
	})
	t.Run("more than the sandbox holds", func(t *testing.T) {
		_, usage, err := rasteriser(t, laughs(), slidesMemory, time.Minute)
		e, ok := errors.AsType[*errs.Error](err)
		if !ok || e.Code != "broken_file" || e.Field != "pages[0]" || strings.Contains(e.Error(), "\n") {
			t.Errorf("got %v", err)
		}
		t.Logf("%v: %d MB, %v", err, usage.Maxrss>>10, time.Duration(usage.Utime.Nano()))
	})
	t.Run("no memory", func(t *testing.T) {
		_, _, err := rasteriser(t, onePage("0 0 100 100 re f", "null"), 60<<20, time.Minute)
		if _, ok := errors.AsType[*jobs.WorkerError](err); !ok {
			t.Errorf("got %v", err)
		}
	})
	t.Run("broken", func(t *testing.T) {
		_, _, err := rasteriser(t, []byte("%PDF-1.7 and nothing else"), slidesMemory, time.Minute)
		if e, ok := errors.AsType[*errs.Error](err); !ok || e.Kind != errs.Invalid || e.Code != "broken_file" || e.Field != "file" {
			t.Errorf("got %v", err)
		}
	})
}

// settled waits until a deck is as far as it will be.
func settled(t *testing.T, b *Box, id string) library.Deck {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); <-tick.C {
		d, err := b.library.Deck(id)
		if err != nil {
			t.Fatal(err)
		}
		if d.State != library.Making {
			return d
		}
	}
	t.Fatal("the deck is not made")
	return library.Deck{}
}

func incoming(t *testing.T, b *Box, data []byte) library.Deck {
	t.Helper()
	u, err := b.library.NewUpload()
	if err != nil {
		t.Fatal(err)
	}
	if err := u.Add(bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	d, err := b.library.AddDeck("Deck", u)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDeckIsMadeByAProcessOfItsOwn(t *testing.T) {
	b, _ := run(t, config(t, t.TempDir()), Parts{Program: program(t)})
	d := incoming(t, b, onePage("0 0 100 100 re f", "null"))
	job, err := b.letters.Add(t.Context(), gateway.SlidesJob(d, "t_1"))
	if err != nil {
		t.Fatal(err)
	}
	if d = settled(t, b, d.ID); d.State != library.Ready || len(d.Pages) != 1 {
		t.Errorf("got %+v", d)
	}
	if job, err = b.letters.Job(job.ID); err != nil || job.State == jobs.GaveUp {
		t.Errorf("got %+v, %v", job, err)
	}
	bad := incoming(t, b, []byte("%PDF-1.7 "+strings.Repeat("nothing", 300)))
	if _, err := b.letters.Add(t.Context(), gateway.SlidesJob(bad, "t_1")); err != nil {
		t.Fatal(err)
	}
	if bad = settled(t, b, bad.ID); bad.State != library.Failed || bad.Error.Code != "broken_file" {
		t.Errorf("got %+v", bad)
	}
}

// A cut between the deck and its job leaves a deck that waits; the next start sees to it.
func TestDeckWithoutAJobGetsOneAtTheNextStart(t *testing.T) {
	cfg := config(t, t.TempDir())
	b, err := open(cfg, Parts{})
	if err != nil {
		t.Fatal(err)
	}
	d := incoming(t, b, []byte("\x89PNG\r\n\x1a\n and no more"))
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b, _ = run(t, cfg, Parts{Program: program(t)})
	if d = settled(t, b, d.ID); d.State != library.Failed || d.Error.Code != "broken_file" {
		t.Errorf("got %+v, %+v", d, d.Error)
	}
}
