package firmware

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

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
	backupHead  = "LIVELEARN BOX BACKUP 1\n"
	maxManifest = 8 << 20
)

// Manifest says what a backup holds.
type Manifest struct {
	Version   string            `json:"version"` // of the program that made it
	Box       string            `json:"box"`     // the box's id
	Made      time.Time         `json:"made"`
	Databases []string          `json:"databases"` // in the order in which they follow
	Files     map[string][]byte `json:"files"`     // small files by their path in the data folder
}

// database is one of the files that are copied while the box runs.
type database struct {
	name    string
	backup  func(io.Writer) error
	restore func(r io.Reader, path string) error
	check   func(path string, log *slog.Logger) error // of a copy that may be changed
	young   bool                                      // backups of older programs do not have it
}

// writeBackup writes a whole backup.
func writeBackup(w io.Writer, f *Folder, m Manifest, dbs []database) error {
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
	if _, err := fmt.Fprintf(w, "%s%s\n%s\n", backupHead, line, hex.EncodeToString(sum[:])); err != nil {
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
	info, err := os.Stat(filepath.Join(folder, configFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && info.Size() > maxFile {
		err = fmt.Errorf("%s: %d bytes, at most %d", configFile, info.Size(), maxFile)
	}
	if err != nil {
		return err
	}
	files[configFile], err = os.ReadFile(filepath.Join(folder, configFile))
	return err
}

// readManifest reads a backup up to its first database. r must be a *bufio.Reader, so
// that what follows is still there.
func readManifest(r *bufio.Reader) (Manifest, error) {
	var m Manifest
	head := make([]byte, len(backupHead))
	if _, err := io.ReadFull(r, head); err != nil || string(head) != backupHead {
		return m, errs.Code("restore", errs.Invalid, "not_a_backup", "this is not a backup of a box")
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
		return m, errs.Code("restore", errs.Invalid, "altered", "the backup was altered: its checksum is wrong")
	}
	if err := json.Unmarshal(line, &m); err != nil {
		return m, errs.New("restore", errs.Invalid, err)
	}
	for path := range m.Files {
		if path != configFile {
			return m, errs.Code("restore", errs.Invalid, "altered", "the backup holds %q, which no box writes", path)
		}
	}
	return m, nil
}

func readLine(r *bufio.Reader, limit int) ([]byte, error) {
	var line []byte
	for {
		piece, err := r.ReadSlice('\n')
		if line = append(line, piece...); len(line) > limit {
			return nil, errs.Code("restore", errs.Invalid, "not_a_backup", "this is not a backup of a box")
		}
		if err == nil {
			return bytes.TrimSuffix(line, []byte("\n")), nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return nil, errs.Code("restore", errs.Invalid, "truncated", "the backup is not whole")
		}
	}
}

// Restore makes the box in data the one of the backup, as a new incarnation. All of the
// backup is unpacked and checked before anything is replaced, and what is replaced is put
// aside in the folder it returns, never deleted. Dry only checks. The box must be
// stopped: errs.Busy otherwise.
func Restore(data string, r io.Reader, dry bool) (m Manifest, aside string, err error) {
	f, err := OpenFolder(data)
	if err != nil {
		return m, "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	stage := f.Name(staging)
	if err := os.MkdirAll(stage, 0o700); err != nil {
		return m, "", errs.New("restore", errs.Down, err)
	}
	m, err = unpack(stage, bufio.NewReader(r))
	if err != nil || dry {
		return m, "", errors.Join(err, os.RemoveAll(stage))
	}
	aside = freeName(f.Name("replaced-" + stamp(time.Now())))
	if err := writeSynced(filepath.Join(stage, stagedMark), []byte(filepath.Base(aside))); err != nil {
		return m, "", errs.New("restore", errs.Down, err)
	}
	return m, aside, f.finishRestore()
}

// unpack makes the files of a backup in the folder stage.
func unpack(stage string, r *bufio.Reader) (Manifest, error) {
	m, err := readManifest(r)
	if err != nil {
		return m, err
	}
	known := map[string]database{}
	for _, d := range databases(nil) {
		known[d.name] = d
	}
	for _, name := range m.Databases {
		d, ok := known[name]
		if !ok {
			return m, errs.Code("restore", errs.Invalid, "newer", "the backup holds %q: it was made by a newer program", name)
		}
		delete(known, name)
		if err := d.restore(r, filepath.Join(stage, name)); err != nil {
			return m, err
		}
	}
	for _, d := range known {
		if !d.young {
			return m, errs.Code("restore", errs.Invalid, "truncated", "the backup is not whole: a database is missing")
		}
	}
	if _, err := r.ReadByte(); !errors.Is(err, io.EOF) {
		return m, errs.Code("restore", errs.Invalid, "altered", "something follows the end of the backup")
	}
	for path, data := range m.Files {
		if err := writeSynced(filepath.Join(stage, path), data); err != nil {
			return m, errs.New("restore", errs.Down, err)
		}
	}
	return m, nil
}

// SaveBackup writes a backup of the box on cfg's data folder into a new file: from the
// running box, or from its files when it is stopped. It gives the size.
func SaveBackup(ctx context.Context, cfg Config, path string) (size int64, err error) {
	if _, err := os.Stat(cfg.journal().Path); err != nil {
		return 0, errs.Code("backup", errs.Missing, "no_box", "there is no box in %s", cfg.Data)
	}
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return 0, errs.New("backup", errs.Down, err)
	}
	defer func() { _ = os.Remove(temp.Name()) }() // it has its name by then, or is of no use
	err = backupTo(ctx, cfg, temp)
	if err == nil {
		size, err = temp.Seek(0, io.SeekCurrent)
	}
	if err = errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return 0, err
	}
	if err := os.Link(temp.Name(), path); err != nil { // unlike a rename it never replaces
		return 0, errs.New("backup", errs.Down, err)
	}
	return size, syncDir(filepath.Dir(path))
}

func backupTo(ctx context.Context, cfg Config, w io.Writer) error {
	b, err := open(cfg, Parts{})
	if errs.KindOf(err) != errs.Busy {
		if err == nil {
			err = errors.Join(b.Backup(w), b.Close())
		}
		return err
	}
	body, err := ask(ctx, cfg.Data, "/backup")
	if err != nil {
		return errs.New("backup", errs.Down, err)
	}
	_, err = io.Copy(w, body)
	return errors.Join(err, body.Close())
}

// writeSynced writes a file that is on disk, name and all, when it returns.
func writeSynced(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close(), syncDir(filepath.Dir(path)))
}

func freeName(path string) string {
	name := path
	for n := 2; ; n++ {
		if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) {
			return name
		}
		name = fmt.Sprintf("%s-%d", path, n)
	}
}
