package record

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/media/forward"
)

// makeOldLesson makes the folder of a lesson that is so many hours old.
func makeOldLesson(t *testing.T, root, name string, size, hours int) {
	t.Helper()
	dir := filepath.Join(root, name)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	for file, n := range map[string]int{"a.webm": size, "a.webm.json": 2, ".a.webm.json7": 2, "a.webm.json.new": 2, "events.json": 10} {
		path := filepath.Join(dir, file)
		if err := os.WriteFile(path, make([]byte, n), 0o600); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(-time.Duration(hours) * time.Hour)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
}

func fileExists(path ...string) bool {
	_, err := os.Stat(filepath.Join(path...))
	return err == nil
}

func TestOldestRecordingsMakeRoom(t *testing.T) {
	root := t.TempDir()
	makeOldLesson(t, root, "new", 400_000, 1)
	makeOldLesson(t, root, "old", 400_000, 30)
	makeOldLesson(t, root, "older", 400_000, 60)
	b := &Budget{Dir: root, Bytes: 1_000_000}
	if err := b.Check(filepath.Join(root, "now")); err == nil || errs.KindOf(err) != errs.Down {
		t.Errorf("a second needs a megabyte: got %v", err)
	}
	makeOldLesson(t, root, "older", 400_000, 60)
	makeOldLesson(t, root, "old", 400_000, 30)
	b = &Budget{Dir: root, Bytes: 3_000_000}
	if err := b.Check(filepath.Join(root, "now")); err != nil || !fileExists(root, "older", "a.webm") {
		t.Errorf("with room for all: %v", err)
	}
	b = &Budget{Dir: root, Bytes: 1 << 20}
	if err := b.claimBytes(filepath.Join(root, "now", "f"), 400_000); err != nil {
		t.Fatal(err)
	}
	if fileExists(root, "older", "a.webm") || fileExists(root, "older", "a.webm.json") || !fileExists(root, "old", "a.webm") {
		t.Error("not the oldest was deleted, or more")
	}
	if fileExists(root, "older", ".a.webm.json7") || fileExists(root, "older", "a.webm.json.new") {
		t.Error("a sidecar of a cut stays")
	}
	if !fileExists(root, "older", "events.json") {
		t.Error("a file that is no recording was deleted")
	}
}

func TestRecordingsOfOthersThatAreBeingMadeStay(t *testing.T) {
	root := t.TempDir()
	makeOldLesson(t, root, "other", 900_000, 0)
	b := &Budget{Dir: root, Bytes: 1_000_000}
	diskFull(t, b.Check(filepath.Join(root, "now")))
	if !fileExists(root, "other", "a.webm") {
		t.Error("what another node writes was deleted")
	}
}

func TestReserveIsNotTouched(t *testing.T) {
	root := t.TempDir()
	makeOldLesson(t, root, "now", 400_000, 100) // being made: not deleted, however old
	if err := os.WriteFile(filepath.Join(root, "box.db"), make([]byte, 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	left := int64(10_000_000)
	b := &Budget{Dir: root, Reserve: 5_000_000, free: func(string) (int64, error) { return left, nil }}
	clips := encodeClips(t, "320x240")
	w := beginWriter(t, Config{Name: filepath.Join(root, "now", "f"), Tracks: tracksOf(forward.VP8), Budget: b})
	var failed error
	for _, p := range mergedPackets(clips, forward.VP8, 0) {
		if p.at > 3*time.Second {
			left = 4_999_999
		}
		if failed = w.Write(p.track, p.data, p.at); failed != nil {
			break
		}
	}
	diskFull(t, failed)
	_ = w.Close() // the same
	if got := probeFile(t, w.cfg.Name+".webm"); got.Complex != "" || got.Frames[0] < 2*fps {
		t.Errorf("got %+v", got)
	}
	if !fileExists(root, "box.db") || !fileExists(root, "now", "a.webm") {
		t.Error("more than old recordings were deleted")
	}
	if _, err := New(Config{Name: filepath.Join(root, "now", "g"), Tracks: tracksOf(forward.VP8), Budget: b}); err == nil {
		t.Error("another recording began")
	}
}

func TestRealFileSystemTellsItsSpace(t *testing.T) {
	if n, err := freeBytes(t.TempDir()); err != nil || n <= 0 {
		t.Errorf("got %d, %v", n, err)
	}
	b := &Budget{Dir: filepath.Join(t.TempDir(), "gone")}
	if err := b.Check(b.Dir); err == nil {
		t.Error("a folder that is not there has room")
	}
}

func TestAFilmMakesRoomBeforeARecordingDoes(t *testing.T) {
	root := t.TempDir()
	makeOldLesson(t, root, "new", 400_000, 1)
	makeOldLesson(t, root, "old", 400_000, 30)
	film := filepath.Join(root, "new", "film.mp4")
	if err := os.WriteFile(film, make([]byte, 400_000), 0o600); err != nil {
		t.Fatal(err)
	}
	hour := time.Now().Add(-time.Hour)
	if err := os.Chtimes(film, hour, hour); err != nil {
		t.Fatal(err)
	}
	b := &Budget{Dir: root, Bytes: 1_300_000}
	if err := b.claimBytes(filepath.Join(root, "now", "f"), 400_000); err != nil {
		t.Fatal(err)
	}
	if fileExists(film) || !fileExists(root, "old", "a.webm") || !fileExists(root, "new", "a.webm") {
		t.Errorf("the film is there: %v, the oldest recording: %v", fileExists(film), fileExists(root, "old", "a.webm"))
	}
}
