package record

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// stderrReporter is a test's fataler in a program without tests.
type stderrReporter struct{}

func (stderrReporter) Fatal(a ...any) { panic(fmt.Sprint(a...)) }
func (stderrReporter) Helper()        {}

// runChild writes a clip of each codec, reports it and waits to be killed.
func runChild(dir, from string) int {
	clips := loadClips(stderrReporter{}, from)
	for codec, name := range pictures {
		w, err := New(Config{Name: filepath.Join(dir, name), Tracks: tracksOf(codec)})
		if err != nil {
			panic(err)
		}
		list := mergedPackets(clips, codec, 0)
		for _, p := range list[:len(list)*9/10] {
			if err := w.Write(p.track, p.data, p.at); err != nil {
				panic(err)
			}
		}
	}
	fmt.Println("written")
	time.Sleep(time.Minute) // until it is killed
	return 1
}

func TestFileOfAKilledWriterPlaysToItsLastSecond(t *testing.T) {
	clips := encodeClips(t, "320x240")
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "RECORD_TEST_CHILD="+dir, "RECORD_TEST_MEDIA="+encodeDir(t, "320x240"))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "written\n" {
		t.Fatalf("got %q, %v", line, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	parts, err := ListParts(dir)
	if err != nil || len(parts) != len(pictures) {
		t.Fatalf("parts: got %+v, %v", parts, err)
	}
	for codec, name := range pictures {
		list := mergedPackets(clips, codec, 0)
		end := list[len(list)*9/10-1].at.Seconds()
		path := filepath.Join(dir, name+extensionOf(codec))
		got := probeFile(t, path)
		if got.Complex != "" || float64(got.Frames[0])/fps < end-1 || float64(got.Frames[1])/50 < end-1 {
			t.Errorf("%s: %v s were written; got %+v", name, end, got)
		}
		if d, err := ReadDuration(path); err != nil || d.Seconds() < end-1 || d.Seconds() > end+0.1 {
			t.Errorf("%s: scanned %v, %v", name, d, err)
		}
		cutLastCluster(t, path)
	}
}

// cutLastCluster is a power cut: the file ends in the middle of its last cluster.
func cutLastCluster(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	full := probeFile(t, path)
	short := filepath.Join(t.TempDir(), "cut"+filepath.Ext(path))
	if err := os.WriteFile(short, b[:len(b)-3000], 0o600); err != nil {
		t.Fatal(err)
	}
	got := probeFile(t, short)
	if got.Frames[0] < full.Frames[0]-2*fps {
		t.Errorf("%s, cut: got %+v, before %+v", path, got, full)
	}
	if _, err := ReadDuration(short); err != nil {
		t.Error(err)
	}
}
