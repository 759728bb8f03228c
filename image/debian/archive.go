package debian

import (
	"bufio"
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	version "github.com/knqyf263/go-deb-version"
	"github.com/ulikunitz/xz"
)

// keyFiles are the public keys of Debian's archives, from the package debian-archive-keyring.
//
//go:embed keys
var keyFiles embed.FS

// Suite is one signed part of an archive.
type Suite struct {
	Archive  string   // path on the mirror, such as "debian-security"
	Name     string   // such as "trixie-security"
	Sections []string // such as "main"
}

// Entry is a package in the index of a suite.
type Entry struct {
	Name, Version, Arch string
	Path                string // on the mirror
	SHA256              string
	Size                int64
}

// archiveKeys returns the keys that sign Debian's archives.
func archiveKeys() (list openpgp.EntityList, err error) {
	names, err := fs.Glob(keyFiles, "keys/*.asc")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		f, err := keyFiles.Open(name)
		if err != nil {
			return nil, err
		}
		keys, err := openpgp.ReadArmoredKeyRing(f)
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		list = append(list, keys...)
	}
	return list, nil
}

// Release is the content of an InRelease file.
type Release struct {
	Codename string
	Date     time.Time
	sums     map[string]string // path of an index -> its SHA-256
}

// ReadRelease reads an InRelease file, which must be signed by one of the keys.
func ReadRelease(data []byte, keys openpgp.EntityList) (Release, error) {
	block, rest := clearsign.Decode(data)
	if block == nil || len(bytes.TrimSpace(rest)) > 0 || !bytes.HasPrefix(data, []byte("-----BEGIN PGP SIGNED MESSAGE-----\n")) {
		return Release{}, errors.New("InRelease: is no signed text")
	}
	if _, err := block.VerifySignature(keys, nil); err != nil {
		return Release{}, fmt.Errorf("InRelease: the signature is not by a key of Debian's archive: %w", err)
	}
	r := Release{sums: map[string]string{}}
	err := eachParagraph(bytes.NewReader(block.Plaintext), func(p map[string]string) error {
		date, err := time.Parse("Mon, 02 Jan 2006 15:04:05 MST", p["Date"])
		if err != nil {
			return fmt.Errorf("InRelease: Date: %w", err)
		}
		r.Codename, r.Date = p["Codename"], date.UTC()
		for line := range strings.Lines(p["SHA256"]) {
			if f := strings.Fields(line); len(f) == 3 {
				r.sums[f[2]] = f[0]
			}
		}
		return nil
	})
	return r, err
}

// ReadSuite returns the packages of a suite for an architecture that want accepts, the newest version of
// each.
func (m Mirror) ReadSuite(ctx context.Context, s Suite, arch string, want func(name string) bool) ([]Entry, Release, error) {
	keys, err := archiveKeys()
	if err != nil {
		return nil, Release{}, err
	}
	data, err := m.download(ctx, m.URL+"/"+s.Archive+"/dists/"+s.Name+"/InRelease")
	if err != nil {
		return nil, Release{}, err
	}
	r, err := ReadRelease(data, keys)
	if err == nil && r.Codename != s.Name {
		err = fmt.Errorf("InRelease: is for %q", r.Codename)
	}
	if err != nil {
		return nil, r, fmt.Errorf("%s %s: %w", s.Archive, s.Name, err)
	}
	var list []Entry
	for _, section := range s.Sections {
		name := section + "/binary-" + arch + "/Packages.xz"
		index, err := m.Fetch(ctx, s.Archive+"/dists/"+s.Name+"/"+name, r.sums[name])
		if err != nil {
			return nil, r, err
		}
		z, err := xz.NewReader(bytes.NewReader(index))
		if err != nil {
			return nil, r, fmt.Errorf("%s: %w", name, err)
		}
		found, err := readIndex(z, want)
		if err != nil {
			return nil, r, fmt.Errorf("%s: %w", name, err)
		}
		for _, e := range found {
			e.Path = s.Archive + "/" + e.Path
			list = append(list, e)
		}
	}
	return list, r, nil
}

// readIndex returns the wanted packages of a Packages file.
func readIndex(r io.Reader, want func(name string) bool) (list []Entry, err error) {
	return list, eachParagraph(r, func(p map[string]string) error {
		if !want(p["Package"]) {
			return nil
		}
		size, err := strconv.ParseInt(p["Size"], 10, 64)
		if err != nil || p["Version"] == "" || len(p["SHA256"]) != 64 || !fs.ValidPath(p["Filename"]) {
			return fmt.Errorf("package %q: its version, file, size or sum is missing", p["Package"])
		}
		list = append(list, Entry{p["Package"], p["Version"], p["Architecture"], p["Filename"], p["SHA256"], size})
		return nil
	})
}

// Newest returns the entry of a package with the newest version, by Debian's order of versions.
func Newest(list []Entry, name string) (best Entry, err error) {
	var newest version.Version
	for _, e := range list {
		if e.Name != name {
			continue
		}
		v, err := version.NewVersion(e.Version)
		if err != nil {
			return Entry{}, fmt.Errorf("package %q: %w", name, err)
		}
		if best.Name == "" || newest.LessThan(v) {
			best, newest = e, v
		}
	}
	if best.Name == "" {
		return best, fmt.Errorf("package %q: is in no suite", name)
	}
	return best, nil
}

// maxLine bounds a line of an index, in bytes.
const maxLine = 1 << 20

// eachParagraph calls each for every paragraph of a control file (deb-control(5)). Lines that
// continue a field follow it with a line break.
func eachParagraph(r io.Reader, each func(map[string]string) error) error {
	s := bufio.NewScanner(r)
	s.Buffer(nil, maxLine)
	fields, last := map[string]string{}, ""
	flush := func() error {
		if len(fields) == 0 {
			return nil
		}
		p := fields
		fields, last = map[string]string{}, ""
		return each(p)
	}
	for s.Scan() {
		line := s.Text()
		switch {
		case strings.TrimSpace(line) == "":
			if err := flush(); err != nil {
				return err
			}
		case line[0] == ' ' || line[0] == '\t':
			if last == "" {
				return fmt.Errorf("line %q continues no field", line[:min(len(line), 40)])
			}
			fields[last] += "\n" + strings.TrimSpace(line)
		default:
			name, value, ok := strings.Cut(line, ":")
			if !ok {
				return fmt.Errorf("line %q has no field", line[:min(len(line), 40)])
			}
			last = name
			fields[name] = strings.TrimSpace(value)
		}
	}
	if err := s.Err(); err != nil {
		return err
	}
	return flush()
}
