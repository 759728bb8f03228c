package record

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/livelearn/box/services/media/forward"
)

// Part is one file of a recording, as the JSON file beside it says ("name.webm.json").
type Part struct {
	File       string `json:"file"` // without folder
	User       string `json:"user,omitempty"`
	Source     string `json:"source,omitempty"`
	Type       string `json:"type"`        // MIME type with codecs (RFC 6381)
	StartMS    int64  `json:"start_ms"`    // since the recording of the lesson began
	BeganMS    int64  `json:"began_ms"`    // when that was: milliseconds since 1970 by the box's clock
	DurationMS int64  `json:"duration_ms"` // 0: being written, or its writer was killed
	Width      int    `json:"width,omitempty"`
	Height     int    `json:"height,omitempty"`
	Bytes      int64  `json:"bytes"`
}

const sidecar = ".json"

func newPart(cfg Config, path string, start time.Duration, forms []format) Part {
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

// save writes the sidecar; sync makes it last. It takes the place of an older one at once.
func (p Part) save(path string, sync bool) error {
	b, err := json.Marshal(p)
	if err != nil {
		return err
	}
	temp := path + sidecar + ".new"
	f, err := os.Create(temp)
	if err != nil {
		return full(err)
	}
	_, err = f.Write(append(b, '\n'))
	if sync && err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return full(errors.Join(err, os.Remove(temp)))
	}
	return full(os.Rename(temp, path+sidecar))
}

// Parts are the files of a lesson's recording, by start and name. Files whose writer was
// killed tell their duration themselves; what is no recording is left out.
func Parts(dir string) ([]Part, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var list []Part
	for _, e := range entries {
		name, is := strings.CutSuffix(e.Name(), sidecar)
		if !is || !ours(name) {
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

// ours tells that a name is that of a recording's file.
func ours(name string) bool {
	return strings.HasSuffix(name, ".webm") || strings.HasSuffix(name, ".mp4")
}

func readPart(path string) (p Part, err error) {
	b, err := os.ReadFile(path + sidecar)
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
		d, err = Duration(path)
		p.DurationMS = d.Milliseconds()
	}
	return p, err
}
