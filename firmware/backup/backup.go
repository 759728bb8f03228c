// Package backup writes and restores backups of a box, and knows how each of its databases is
// copied, restored and checked. Package firmware writes backups while the box runs. The command
// line restores them into the folder of a stopped box, and package restore into that of a running
// one, which restarts. The doctor runs the checks.
//
// A restore replaces all or nothing, and deletes nothing.
package backup

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/livelearn/box/firmware/datafolder"
	"github.com/livelearn/box/firmware/losses"
	"github.com/livelearn/box/hal/atomicfile"
	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
)

// A backup of a box is
//
//	"LIVELEARN BOX BACKUP 1\n"
//	the manifest, one line of JSON, with the small files
//	the SHA-256 of that line in hex, and a line end
//	the databases in the order of the manifest, each in journal's backup format, which
//	knows its own length and has a checksum
const (
	fileHead    = "LIVELEARN BOX BACKUP 1\n"
	anyHead     = "LIVELEARN BOX BACKUP " // also of later formats
	maxManifest = 8 << 20
)

// Manifest says what a backup holds.
type Manifest struct {
	Version   string            `json:"version"` // of the program that made it
	Box       string            `json:"box"`     // the box's id
	Made      time.Time         `json:"made"`
	Format    int               `json:"format,omitempty"` // of the data folder; backups of older programs have none
	Databases []string          `json:"databases"`        // in the order in which they follow
	Files     map[string][]byte `json:"files"`            // small files by their path in the data folder
}

// database is one of the files that are copied while the box runs.
type database struct {
	name     string
	backup   func(io.Writer) error
	restore  func(r io.Reader, path string) error
	optional bool // backups of older programs do not have it
}

// Write writes a whole backup.
func Write(w io.Writer, f *datafolder.Folder, m Manifest, s Databases) error {
	dbs := listDatabases(s)
	m.Format = datafolder.Format
	m.Files = map[string][]byte{}
	if err := smallFiles(f.Path, m.Files); err != nil {
		return errs.New("backup", errs.Down, err)
	}
	for _, d := range dbs {
		m.Databases = append(m.Databases, d.name)
	}
	line, err := json.Marshal(m)
	if err != nil {
		return errs.New("backup", errs.Internal, err)
	}
	sum := sha256.Sum256(line)
	if _, err := fmt.Fprintf(w, "%s%s\n%s\n", fileHead, line, hex.EncodeToString(sum[:])); err != nil {
		return errs.New("backup", errs.Down, err)
	}
	for _, d := range dbs {
		if err := d.backup(w); err != nil {
			return err
		}
	}
	return nil
}

// smallFiles reads the configuration. The box's own authority is not in a backup: its key
// never leaves the box.
func smallFiles(folder string, files map[string][]byte) error {
	info, err := os.Stat(filepath.Join(folder, datafolder.ConfigFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && info.Size() > datafolder.MaxConfigSize {
		err = fmt.Errorf("%s: %d bytes, at most %d", datafolder.ConfigFile, info.Size(), datafolder.MaxConfigSize)
	}
	if err != nil {
		return err
	}
	files[datafolder.ConfigFile], err = os.ReadFile(filepath.Join(folder, datafolder.ConfigFile))
	return err
}

// readManifest reads a backup up to its first database. r must be a *bufio.Reader, so
// that what follows is still there.
func readManifest(r *bufio.Reader) (Manifest, error) {
	var m Manifest
	head := make([]byte, len(fileHead))
	_, err := io.ReadFull(r, head)
	if string(head) != fileHead && strings.HasPrefix(string(head), anyHead) {
		return m, errs.NewCode("restore", errs.Invalid, "newer", "the backup was made by a newer program")
	}
	if err != nil || string(head) != fileHead {
		return m, errs.NewCode("restore", errs.Invalid, "not_a_backup", "this is not a backup of a box")
	}
	line, err := readLine(r, maxManifest)
	if err != nil {
		return m, err
	}
	want, err := readLine(r, 2*sha256.Size+1)
	if err != nil {
		return m, err
	}
	sum := sha256.Sum256(line)
	if hex.EncodeToString(sum[:]) != string(want) {
		return m, errs.NewCode("restore", errs.Invalid, "altered", "the backup was altered: its checksum is wrong")
	}
	if err := json.Unmarshal(line, &m); err != nil {
		return m, errs.New("restore", errs.Invalid, err)
	}
	if m.Format > datafolder.Format {
		return m, errs.NewCode("restore", errs.Invalid, "newer", "the backup was made by a newer program: version %s", m.Version)
	}
	for path := range m.Files {
		if path != datafolder.ConfigFile {
			return m, errs.NewCode("restore", errs.Invalid, "altered", "the backup holds %q, which no box writes", path)
		}
	}
	return m, nil
}

func readLine(r *bufio.Reader, limit int) ([]byte, error) {
	var line []byte
	for {
		piece, err := r.ReadSlice('\n')
		if line = append(line, piece...); len(line) > limit {
			return nil, errs.NewCode("restore", errs.Invalid, "not_a_backup", "this is not a backup of a box")
		}
		if err == nil {
			return bytes.TrimSuffix(line, []byte("\n")), nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return nil, errs.NewCode("restore", errs.Invalid, "truncated", "the backup is not whole")
		}
	}
}

// Restore replaces the box in data with the box of the backup, as a new incarnation. It unpacks
// and checks all of the backup before it replaces a file. It moves the replaced files into the
// folder that it returns. Dry only checks. The box must be stopped. errs.Busy: it runs.
func Restore(data string, r io.Reader, dry bool) (m Manifest, aside string, err error) {
	f, err := datafolder.Open(data)
	if err != nil {
		return m, "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	stage := f.PathOf(datafolder.StagingDir)
	if err := os.MkdirAll(stage, 0o700); err != nil {
		return m, "", errs.New("restore", errs.Down, err)
	}
	m, err = Unpack(stage, r)
	if err != nil || dry {
		return m, "", errors.Join(err, os.RemoveAll(stage))
	}
	aside, err = Commit(f, m, "", time.Now())
	if err != nil {
		return m, "", err
	}
	return m, aside, f.FinishRestore()
}

// Restored records the last restore of a box.
type Restored struct {
	At      time.Time `json:"at"`
	Made    time.Time `json:"made"`         // when the backup was made
	Version string    `json:"version"`      // of the program that made it
	Aside   string    `json:"aside"`        // the folder of what was replaced
	By      string    `json:"by,omitempty"` // name of the admin; empty: by a command on the machine
}

// Commit marks the staging folder of f, which Unpack filled, as complete. From then on
// FinishRestore or the next start puts the staged box in its place. Commit returns the folder for
// the replaced files. by is the name of the admin who asks, empty for a command.
func Commit(f *datafolder.Folder, m Manifest, by string, now time.Time) (aside string, err error) {
	stage := f.PathOf(datafolder.StagingDir)
	l := losses.Read(f.Path, now)
	if err := l.AcknowledgeIn(filepath.Join(stage, losses.FileName), m.Databases...); err != nil { // it is back
		return "", err
	}
	aside = datafolder.UnusedPath(f.PathOf("replaced-" + datafolder.FormatStamp(now)))
	for _, name := range m.Databases { // a backup is not sealed: the next start seals it with the key of this box
		if err := checkedkv.CompactNext(filepath.Join(stage, name)); err != nil {
			return "", err
		}
	}
	note, err := json.Marshal(Restored{At: now.UTC(), Made: m.Made, Version: m.Version, Aside: filepath.Base(aside), By: by})
	if err == nil {
		err = atomicfile.Write(filepath.Join(stage, datafolder.RestoredFile), 0o600, atomicfile.Bytes(note))
	}
	if err == nil {
		err = atomicfile.Write(filepath.Join(stage, datafolder.CompleteMark), 0o600, atomicfile.Bytes([]byte(filepath.Base(aside))))
	}
	if err != nil {
		return "", errs.New("restore", errs.Down, err)
	}
	return aside, nil
}

// ReadRestored returns the record of the last restore into a data folder, or nil.
func ReadRestored(data string) *Restored {
	text, err := os.ReadFile(filepath.Join(data, datafolder.RestoredFile))
	var r Restored
	if err != nil || json.Unmarshal(text, &r) != nil {
		return nil
	}
	return &r
}

// Unpack makes the files of a backup in the folder stage, and checks them. The backup ends where
// from ends. An error of from is returned as it is.
func Unpack(stage string, from io.Reader) (Manifest, error) {
	source := &failingReader{Reader: from}
	m, err := unpack(stage, bufio.NewReader(source))
	if source.err != nil {
		err = source.err
	}
	return m, err
}

// failingReader keeps the error of its reader.
type failingReader struct {
	io.Reader
	err error
}

// Read implements io.Reader.
func (r *failingReader) Read(p []byte) (n int, err error) {
	if n, err = r.Reader.Read(p); err != nil && !errors.Is(err, io.EOF) {
		r.err = err
	}
	return n, err
}

func unpack(stage string, r *bufio.Reader) (Manifest, error) {
	m, err := readManifest(r)
	if err != nil {
		return m, err
	}
	known := map[string]database{}
	for _, d := range listDatabases(Databases{}) {
		known[d.name] = d
	}
	for _, name := range m.Databases {
		d, ok := known[name]
		if !ok {
			return m, errs.NewCode("restore", errs.Invalid, "newer", "the backup holds %q: it was made by a newer program", name)
		}
		delete(known, name)
		if err := d.restore(r, filepath.Join(stage, name)); err != nil {
			return m, err
		}
	}
	for _, d := range known {
		if !d.optional {
			return m, errs.NewCode("restore", errs.Invalid, "truncated", "the backup is not whole: a database is missing")
		}
	}
	if _, err := r.ReadByte(); !errors.Is(err, io.EOF) {
		return m, errs.NewCode("restore", errs.Invalid, "altered", "something follows the end of the backup")
	}
	for path, data := range m.Files {
		if err := atomicfile.Write(filepath.Join(stage, path), 0o600, atomicfile.Bytes(data)); err != nil {
			return m, errs.New("restore", errs.Down, err)
		}
	}
	return m, nil
}

// WriteFile makes a new file at path, which write fills. The file appears whole. A file that has
// this name moves to path.1, that one to path.2, and so on up to keep; with keep 0 it stays, and
// WriteFile fails. WriteFile returns the size.
func WriteFile(path string, keep int, write func(io.Writer) error) (size int64, err error) {
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return 0, errs.New("backup", errs.Down, err)
	}
	defer func() { _ = os.Remove(temp.Name()) }() // by then it has its final name, or it is of no use
	err = write(temp)
	if err == nil {
		size, err = temp.Seek(0, io.SeekCurrent)
	}
	if err = errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return 0, err
	}
	if err := moveOlder(path, keep); err != nil {
		return 0, errs.New("backup", errs.Down, err)
	}
	if err := os.Link(temp.Name(), path); err != nil { // unlike a rename it never replaces
		return 0, errs.New("backup", errs.Down, err)
	}
	return size, atomicfile.SyncDir(filepath.Dir(path))
}

// moveOlder makes room at path for a new backup.
func moveOlder(path string, keep int) error {
	nameOf := func(n int) string {
		if n == 0 {
			return path
		}
		return path + "." + strconv.Itoa(n)
	}
	if keep == 0 {
		return nil
	}
	if f, err := os.Open(path); err == nil {
		head := make([]byte, len(fileHead))
		_, err = io.ReadFull(f, head)
		if err = errors.Join(err, f.Close()); err != nil || string(head) != fileHead {
			return fmt.Errorf("%s exists and is no backup", path)
		}
	}
	last := 0 // the names before it are taken
	for ; last < keep; last++ {
		if _, err := os.Lstat(nameOf(last)); errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	for ; last > 0; last-- {
		if err := os.Rename(nameOf(last-1), nameOf(last)); err != nil {
			return err
		}
	}
	return nil
}
