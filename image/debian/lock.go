package debian

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Lock is the list of the packages that images take files from.
type Lock struct {
	Taken    time.Time     `json:"taken"`
	Suites   []LockedSuite `json:"suites"`
	Packages []Locked      `json:"packages"`
}

// LockedSuite is a suite at the time of the lock.
type LockedSuite struct {
	Name string    `json:"name"`
	Date time.Time `json:"date"` // of its InRelease
}

// Locked is one package.
type Locked struct {
	Name    string            `json:"name"`
	Version string            `json:"version"`
	Target  string            `json:"target"` // the GOARCH that it is for
	Path    string            `json:"path"`   // on a mirror
	Size    int64             `json:"size"`
	SHA256  string            `json:"sha256"`
	Files   map[string]string `json:"files,omitempty"` // path in an image -> SHA-256
}

// ReadLock reads a lock file.
func ReadLock(data []byte) (l Lock, err error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		return l, fmt.Errorf("lock file: %w", err)
	}
	for _, p := range l.Packages {
		if p.Name == "" || p.Version == "" || p.Target == "" || p.Path == "" || len(p.SHA256) != 64 {
			return l, fmt.Errorf("lock file: package %q: a field is missing: name, version, target, path, sha256", p.Name)
		}
	}
	return l, nil
}

// Bytes returns the content of the lock file.
func (l Lock) Bytes() ([]byte, error) {
	data, err := json.MarshalIndent(l, "", " ")
	return append(data, '\n'), err
}

// Find returns a package for an architecture.
func (l Lock) Find(name, target string) (Locked, error) {
	for _, p := range l.Packages {
		if p.Name == name && p.Target == target {
			return p, nil
		}
	}
	return Locked{}, fmt.Errorf("package %q for %s: is not in the lock file; run: image lock", name, target)
}

// CheckAge returns an error if a suite is older than it was at the time of the lock. A mirror that
// shows an old state would bring back old faults.
func (l Lock) CheckAge(name string, date time.Time) error {
	for _, s := range l.Suites {
		if s.Name == name && date.Before(s.Date) {
			return errors.New(name + ": the mirror is older than the lock file: " + date.Format(time.RFC3339))
		}
	}
	return nil
}
