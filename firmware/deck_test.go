package firmware

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/livelearn/box/services/deck"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/jobs"
	"github.com/livelearn/box/services/slides"
	"github.com/livelearn/box/services/timetest"
)

// writePDF writes a PDF by hand. The first object is the catalogue, the second the pages.
func writePDF(objects ...string) []byte {
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

func pdfStream(dict, data string) string {
	return fmt.Sprintf("<< %s /Length %d >>\nstream\n%s\nendstream", dict, len(data), data)
}

// onePage is a page with a content and a resource called X.
func onePage(content, x string, more ...string) []byte {
	return writePDF(append([]string{
		"<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 960 540] /Contents 4 0 R /Resources << /XObject << /X 5 0 R >> >> >>",
		pdfStream("", content), x,
	}, more...)...)
}

// pictureBomb is a page with a picture that takes 400 MB unpacked and 400 kB as it is.
func pictureBomb(t testing.TB) []byte {
	const side = 20_000
	return onePage("960 0 0 540 0 0 cm /X Do", pdfStream(fmt.Sprintf(
		"/Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceGray /BitsPerComponent 8 /Filter /FlateDecode", side, side),
		deflatedZeros(t, side*side)))
}

// billionLaughs is a page that draws 2 to the power of 40 rectangles: their list alone is more
// than the sandbox holds.
func billionLaughs() []byte {
	form := func(next int) string {
		return pdfStream(fmt.Sprintf("/Type /XObject /Subtype /Form /BBox [0 0 960 540] /Resources << /XObject << /X %d 0 R >> >>", next), "/X Do /X Do")
	}
	var more []string
	for i := range 40 {
		more = append(more, form(7+i))
	}
	return onePage("/X Do", form(6), append(more, pdfStream("/Type /XObject /Subtype /Form /BBox [0 0 960 540]", "0 0 960 540 re f"))...)
}

// slowPage is a page that is painted over for minutes.
func slowPage() []byte { return onePage(strings.Repeat("0 0 960 540 re f\n", 300_000), "null") }

// largePhoto is the most costly picture that is taken: 39 megapixels of 64 bits.
func largePhoto(t testing.TB) []byte {
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
	chunk("IDAT", deflatedZeros(t, (w*8+1)*h))
	chunk("IEND", "")
	return out
}

// compiledCache is where all tests of a run find PDFium compiled.
func compiledCache(t testing.TB) string {
	t.Helper()
	return filepath.Join(os.TempDir(), fmt.Sprintf("livelearn-test-compiled-%d", os.Getpid()))
}

// runRasteriser runs the real worker process on a file, with limits, and gives what it used.
func runRasteriser(t testing.TB, data []byte, memory int64, limit time.Duration) (pages []slides.Page, usage *syscall.Rusage, err error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "in"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	w := (&Box{parts: Parts{Program: testProgram(t)}}).newWorker("slides", memory, limit)
	var cmd *exec.Cmd
	command, pid := w.Command, filepath.Join(dir, "pid")
	w.Command = func() *exec.Cmd {
		cmd = command()
		cmd.Args = append([]string{"sh", "-c", `echo $$ > "$0"; exec "$@"`, pid, cmd.Path}, cmd.Args[1:]...)
		cmd.Path = "/bin/sh"
		return cmd
	}
	peak := watchPeak(pid)
	spec := slides.Spec{In: filepath.Join(dir, "in"), Out: filepath.Join(dir, "out"), Cache: compiledCache(t)}
	err = w.Run(t.Context(), spec, nil, nil, &pages)
	if cmd.ProcessState == nil {
		t.Fatalf("the worker did not end: %v", err)
	}
	usage, _ = cmd.ProcessState.SysUsage().(*syscall.Rusage)
	usage.Maxrss = peak()
	return pages, usage, err
}

// watchPeak reads the peak of the memory of a process in kB until the caller asks for it. The process
// writes its id to a file. The usage that Linux reports at its end does not serve: it counts what the
// parent had before exec, and this program may have gigabytes.
func watchPeak(pidFile string) func() int64 {
	end, peak := make(chan struct{}), make(chan int64)
	go func() {
		most := int64(0)
		for {
			id, _ := os.ReadFile(pidFile) // not there yet, or the process has ended
			status, _ := os.ReadFile("/proc/" + strings.TrimSpace(string(id)) + "/status")
			if _, rest, ok := strings.Cut(string(status), "VmHWM:"); ok {
				kB, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
				n, _ := strconv.ParseInt(kB, 10, 64)
				most = max(most, n)
			}
			select {
			case <-end:
				peak <- most
				return
			case <-time.After(5 * time.Millisecond): // a real process uses memory meanwhile
			}
		}
	}()
	return func() int64 {
		close(end)
		return <-peak
	}
}

func TestHostileFilesEndWithinTheirLimits(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles PDFium and reads large files")
	}
	t.Cleanup(func() { _ = os.RemoveAll(compiledCache(t)) })
	start := time.Now()
	pages, usage, err := runRasteriser(t, onePage("0 0 100 100 re f", "null"), deck.JobMemory, 5*timetest.Patience)
	if err != nil || len(pages) != 1 {
		t.Fatalf("got %v, %v", pages, err)
	}
	t.Logf("first use: %v, %d MB", time.Since(start), usage.Maxrss>>10)
	start = time.Now()
	if _, usage, err = runRasteriser(t, onePage("0 0 100 100 re f", "null"), deck.JobMemory, 5*timetest.Patience); err != nil {
		t.Fatal(err)
	}
	t.Logf("with the cache: %v, %d MB", time.Since(start), usage.Maxrss>>10)

	t.Run("a bomb", func(t *testing.T) {
		pages, usage, err := runRasteriser(t, pictureBomb(t), deck.JobMemory, 5*timetest.Patience)
		t.Logf("%v, %v, %d MB, %v", pages, err, usage.Maxrss>>10, time.Duration(usage.Utime.Nano()))
		if err != nil && errs.KindOf(err) != errs.Invalid {
			t.Errorf("got %v", err)
		}
		if usage.Maxrss == 0 || usage.Maxrss<<10 > deck.JobMemory {
			t.Errorf("it took %d MB", usage.Maxrss>>10)
		}
	})
	t.Run("the largest picture", func(t *testing.T) {
		pages, usage, err := runRasteriser(t, largePhoto(t), deck.JobMemory, 5*timetest.Patience)
		if err != nil || len(pages) != 1 || pages[0].W != 1920 {
			t.Errorf("got %v, %v", pages, err)
		}
		t.Logf("%d MB, %v", usage.Maxrss>>10, time.Duration(usage.Utime.Nano()))
	})
	t.Run("no end", func(t *testing.T) {
		start := time.Now()
		_, _, err := runRasteriser(t, slowPage(), deck.JobMemory, 2*time.Second)
		timetest.CheckBudget(t, "a page without an end", time.Since(start), 10*time.Second)
		if e, ok := errors.AsType[*errs.Error](err); !ok || e.Code != "timeout" {
			t.Errorf("got %v", err)
		}
	})
	t.Run("more than the sandbox holds", func(t *testing.T) {
		_, usage, err := runRasteriser(t, billionLaughs(), deck.JobMemory, 5*timetest.Patience)
		e, ok := errors.AsType[*errs.Error](err)
		if !ok || e.Code != "broken_file" || e.Field != "pages[0]" || strings.Contains(e.Error(), "\n") {
			t.Errorf("got %v", err)
		}
		t.Logf("%v: %d MB, %v", err, usage.Maxrss>>10, time.Duration(usage.Utime.Nano()))
	})
	t.Run("no memory", func(t *testing.T) {
		_, _, err := runRasteriser(t, onePage("0 0 100 100 re f", "null"), 60<<20, time.Minute)
		if _, ok := errors.AsType[*jobs.WorkerError](err); !ok {
			t.Errorf("got %v", err)
		}
	})
	t.Run("broken", func(t *testing.T) {
		_, _, err := runRasteriser(t, []byte("%PDF-1.7 and nothing else"), deck.JobMemory, 5*timetest.Patience)
		if e, ok := errors.AsType[*errs.Error](err); !ok || e.Kind != errs.Invalid || e.Code != "broken_file" || e.Field != "file" {
			t.Errorf("got %v", err)
		}
	})
}

// waitSettled waits until a deck is as far as it will be.
func waitSettled(t *testing.T, b *Box, id string) (d deck.Deck) {
	t.Helper()
	timetest.WaitUntil(t, "the deck", func() bool {
		var err error
		if d, err = b.library.Decks.Deck(id); err != nil {
			t.Fatal(err)
		}
		return d.State != deck.Making
	})
	return d
}

func TestDeckIsMadeByAProcessOfItsOwn(t *testing.T) {
	b, _ := startBox(t, testConfig(t, t.TempDir()), Parts{Program: testProgram(t)})
	decks := &deck.Service{Store: b.library.Decks, Jobs: b.jobs, Log: slog.New(slog.DiscardHandler)}
	upload := func(data []byte) (deck.Deck, jobs.Job) {
		d, job, err := decks.Receive(t.Context(), httptest.NewRequest("POST", "/", bytes.NewReader(data)), "Deck", "t_1")
		if err != nil {
			t.Fatal(err)
		}
		return d, job
	}
	d, job := upload(onePage("0 0 100 100 re f", "null"))
	if d = waitSettled(t, b, d.ID); d.State != deck.Ready || len(d.Pages) != 1 {
		t.Errorf("got %+v", d)
	}
	if job, err := b.jobs.GetJob(job.ID); err != nil || job.State == jobs.GaveUp {
		t.Errorf("got %+v, %v", job, err)
	}
	bad, _ := upload([]byte("%PDF-1.7 " + strings.Repeat("nothing", 300)))
	if bad = waitSettled(t, b, bad.ID); bad.State != deck.Failed || bad.Error.Code != "broken_file" {
		t.Errorf("got %+v", bad)
	}
}

// A power cut between AddDeck and Enqueue leaves a deck whose job is not in the queue. In an earlier
// version such a deck named no job. The next start adds the job.
func TestDeckWithoutAJobGetsOneAtTheNextStart(t *testing.T) {
	cfg := testConfig(t, t.TempDir())
	b, err := openBox(cfg, Parts{})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, job := range []string{"", jobs.NewID()} {
		u, err := b.library.Decks.NewUpload()
		if err == nil {
			err = u.AddFile(strings.NewReader("\x89PNG\r\n\x1a\n and no more"))
		}
		if err != nil {
			t.Fatal(err)
		}
		d, err := b.library.Decks.AddDeck("Deck", job, u)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, d.ID)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b, _ = startBox(t, cfg, Parts{Program: testProgram(t)})
	for _, id := range ids {
		d := waitSettled(t, b, id)
		if d.State != deck.Failed || d.Error.Code != "broken_file" {
			t.Errorf("got %+v, %+v", d, d.Error)
		}
	}
	if list := b.jobs.ListJobs(); len(list) != len(ids) {
		t.Errorf("got %+v", list)
	}
}
