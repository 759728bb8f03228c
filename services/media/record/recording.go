package record

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/livelearn/box/hal/atomicfile"
	"github.com/livelearn/box/services/media/forward"
)

// Part is one file of a recording. The JSON file next to it ("name.webm.json") has the same
// content.
type Part struct {
	File       string `json:"file"` // without folder
	User       string `json:"user,omitempty"`
	Source     string `json:"source,omitempty"`
	Type       string `json:"type"`        // MIME type with codecs (RFC 6381)
	StartMS    int64  `json:"start_ms"`    // since the recording of the lesson began
	BeganMS    int64  `json:"began_ms"`    // the wall clock at that time: milliseconds since 1970 by the box's clock
	DurationMS int64  `json:"duration_ms"` // 0: still being written, or its writer was killed
	Width      int    `json:"width,omitempty"`
	Height     int    `json:"height,omitempty"`
	Bytes      int64  `json:"bytes"`
}

const sidecarSuffix = ".json"

func describePart(cfg Config, path string, start time.Duration, forms []format) Part {
	p := Part{File: filepath.Base(path), User: cfg.User, Source: cfg.Source, StartMS: start.Milliseconds()}
	kind, names := "audio", []string{}
	for _, f := range forms {
		names = append(names, f.name)
		if f.codec != forward.Opus {
			kind, p.Width, p.Height = "video", f.width, f.height
		}
	}
	p.Type = kind + "/" + strings.TrimPrefix(filepath.Ext(path), ".") + `; codecs="` + strings.Join(names, ", ") + `"`
	return p
}

// saveSidecar writes the sidecar in place of an older one. sync makes it durable.
func (p Part) saveSidecar(path string, sync bool) error {
	b, err := json.Marshal(p)
	if err != nil {
		return err
	}
	write := atomicfile.WriteVolatile
	if sync {
		write = atomicfile.Write
	}
	return wrapDiskFull(write(path+sidecarSuffix, 0o666, atomicfile.Bytes(append(b, '\n'))))
}

// ListParts are the files of a lesson's recording, by start and name. The duration of a file
// without a sidecar, whose writer was killed, is read from the file. Other files are left out.
func ListParts(dir string) ([]Part, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var list []Part
	for _, e := range entries {
		name, is := strings.CutSuffix(e.Name(), sidecarSuffix)
		if !is || !isRecording(name) {
			continue
		}
		if p, err := readPart(filepath.Join(dir, name)); err == nil {
			list = append(list, p)
		}
	}
	slices.SortStableFunc(list, func(a, b Part) int {
		if a.StartMS != b.StartMS {
			return int(a.StartMS - b.StartMS)
		}
		return strings.Compare(a.File, b.File)
	})
	return list, nil
}

// isRecording reports whether a name is that of a recording's file.
func isRecording(name string) bool {
	return strings.HasSuffix(name, ".webm") || strings.HasSuffix(name, ".mp4")
}

func readPart(path string) (p Part, err error) {
	b, err := os.ReadFile(path + sidecarSuffix)
	if err != nil {
		return p, err
	}
	if err := json.Unmarshal(b, &p); err != nil {
		return p, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return p, err
	}
	p.File, p.Bytes = filepath.Base(path), info.Size()
	if p.DurationMS == 0 {
		var d time.Duration
		d, err = ReadDuration(path)
		p.DurationMS = d.Milliseconds()
	}
	return p, err
}
