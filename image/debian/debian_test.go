package debian

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// testEntry is a file, or a link if it has a target.
type testEntry struct{ name, text, link string }

var hostapdFiles = []testEntry{
	{name: "./usr/sbin/hostapd", text: "program"},
	{name: "./usr/lib/libnl.so.3", link: "libnl.so.3.26"},
	{name: "./usr/lib/libnl.so.3.26", text: "library"},
	{name: "./usr/lib64/loader", link: "../lib/loader"},
	{name: "./usr/lib/loader", link: "/usr/lib/libnl.so.3"},
	{name: "./usr/lib/round", link: "round"},
	{name: "./usr/lib/gone", link: "../../../../etc/passwd"},
}

// packTar returns a tar file.
func packTar(t testing.TB, list []testEntry) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, e := range list {
		h := &tar.Header{Name: e.name, Mode: 0o644, Size: int64(len(e.text)), Typeflag: tar.TypeReg, Linkname: e.link}
		if e.link != "" {
			h.Typeflag = tar.TypeSymlink
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, e.text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// packDeb returns a package with one compression.
func packDeb(t testing.TB, ending string, content []byte) []byte {
	t.Helper()
	var data bytes.Buffer
	var z io.WriteCloser
	var err error
	switch ending {
	case ".xz":
		z, err = xz.NewWriter(&data)
	case ".zst":
		z, err = zstd.NewWriter(&data)
	case ".gz":
		z = gzip.NewWriter(&data)
	default:
		data.Write(content)
	}
	if z != nil && err == nil {
		_, err = z.Write(content)
		err = errors.Join(err, z.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return packAr("debian-binary", "2.0\n", "control.tar.xz", "odd", "data.tar"+ending, data.String())
}

// packAr returns an ar archive of members: name, content, name, content.
func packAr(members ...string) []byte {
	out := []byte("!<arch>\n")
	for i := 0; i < len(members); i += 2 {
		name, content := members[i], members[i+1]
		out = fmt.Appendf(out, "%-16s%-12d%-6d%-6d%-8s%-10d`\n%s", name, 0, 0, 0, "100644", len(content), content)
		if len(content)%2 == 1 {
			out = append(out, '\n')
		}
	}
	return out
}

func TestFilesComeOutOfAPackage(t *testing.T) {
	content := packTar(t, hostapdFiles)
	for _, ending := range []string{".xz", ".zst", ".gz", ""} {
		got, err := Extract(packDeb(t, ending, content), []string{"usr/sbin/hostapd", "usr/lib/libnl.so.3", "usr/lib64/loader"})
		if err != nil {
			t.Errorf("data.tar%s: %v", ending, err)
			continue
		}
		for name, want := range map[string]string{"usr/sbin/hostapd": "program", "usr/lib/libnl.so.3": "library", "usr/lib64/loader": "library"} {
			if string(got[name]) != want {
				t.Errorf("data.tar%s: %s is %q", ending, name, got[name])
			}
		}
	}
}

func TestAPackageWithoutTheFileIsAnError(t *testing.T) {
	deb := packDeb(t, ".xz", packTar(t, hostapdFiles))
	for name, say := range map[string]string{"usr/sbin/other": "is not in the package", "usr/lib/round": "links", "usr/lib/gone": "is not in the package"} {
		if _, err := Extract(deb, []string{name}); err == nil || !strings.Contains(err.Error(), say) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, bad := range [][]byte{nil, []byte("!<arch>\n"), deb[:200], packAr("debian-binary", "2.0\n"), packAr("data.tar.xz", "no xz"), []byte("PK\x03\x04")} {
		if _, err := Extract(bad, []string{"usr/sbin/hostapd"}); err == nil {
			t.Errorf("%.20q was taken", bad)
		}
	}
}

func FuzzExtract(f *testing.F) {
	f.Add(packDeb(f, "", packTar(f, hostapdFiles)))
	f.Add(packDeb(f, ".zst", packTar(f, hostapdFiles)))
	f.Add(packAr("debian-binary", "2.0\n", "data.tar", "x"))
	f.Fuzz(func(t *testing.T, deb []byte) {
		got, err := Extract(deb, []string{"usr/sbin/hostapd"})
		if (err == nil) != (got != nil) {
			t.Errorf("%v, %v", got, err)
		}
	})
}

// testMirror serves files as a mirror, and counts the requests for each.
func testMirror(t *testing.T, files map[string][]byte) (m Mirror, asked func(path string) int) {
	t.Helper()
	counts := make(chan map[string]int, 1)
	counts <- map[string]int{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := <-counts
		c[r.URL.Path]++
		first := c[r.URL.Path] == 1
		counts <- c
		switch data, ok := files[r.URL.Path]; {
		case !ok:
			http.NotFound(w, r)
		case first && strings.HasSuffix(r.URL.Path, "busy"):
			http.Error(w, "later", http.StatusServiceUnavailable)
		default:
			_, _ = w.Write(data) // the client reads it or is gone
		}
	}))
	t.Cleanup(srv.Close)
	return Mirror{URL: srv.URL, Cache: filepath.Join(t.TempDir(), "cache")}, func(path string) int {
		c := <-counts
		defer func() { counts <- c }()
		return c[path]
	}
}

func TestAFileIsDownloadedOnceAndMustHaveItsSum(t *testing.T) {
	deb := []byte("a package")
	m, asked := testMirror(t, map[string][]byte{"/debian/a.deb": deb, "/debian/busy": deb, "/archive/debian/20261201T171500Z/pool/old.deb": []byte("old")})
	for range 2 {
		if got, err := m.Fetch(t.Context(), "debian/a.deb", sumOf(deb)); err != nil || !bytes.Equal(got, deb) {
			t.Fatalf("%q, %v", got, err)
		}
	}
	if n := asked("/debian/a.deb"); n != 1 {
		t.Errorf("%d downloads", n)
	}
	// A damaged copy in the cache is downloaded again.
	if err := os.WriteFile(filepath.Join(m.Cache, sumOf(deb)), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := m.Fetch(t.Context(), "debian/a.deb", sumOf(deb)); err != nil || !bytes.Equal(got, deb) || asked("/debian/a.deb") != 2 {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := m.Fetch(t.Context(), "debian/a.deb", sumOf([]byte("another"))); err == nil || !strings.Contains(err.Error(), "SHA-256") {
		t.Errorf("a file with another sum: %v", err)
	}
	if _, err := m.Fetch(t.Context(), "debian/gone.deb", sumOf([]byte("gone"))); !errors.Is(err, os.ErrNotExist) || asked("/debian/gone.deb") != 1 {
		t.Errorf("a file that the mirror has not: %v", err)
	}
	if _, err := m.Fetch(t.Context(), "debian/a.deb", "../../etc/passwd"); err == nil {
		t.Error("a path was taken as a sum")
	}
	// What the mirror has no longer is in the archive of old states.
	m.Old, m.At = m.URL+"/archive", time.Date(2026, 12, 1, 17, 15, 0, 0, time.UTC)
	if got, err := m.Fetch(t.Context(), "debian/pool/old.deb", sumOf([]byte("old"))); err != nil || string(got) != "old" || asked("/debian/pool/old.deb") != 1 {
		t.Errorf("an old package: %q, %v", got, err)
	}
	m.Cache = filepath.Join(t.TempDir(), "other")
	if got, err := m.Fetch(t.Context(), "debian/busy", sumOf(deb)); err != nil || !bytes.Equal(got, deb) || asked("/debian/busy") != 2 {
		t.Errorf("a mirror that is busy once: %q, %v", got, err)
	}
}

// testKey returns a key that signs an archive.
func testKey(t *testing.T) *openpgp.Entity {
	t.Helper()
	key, err := openpgp.NewEntity("archive", "", "archive@example.org", nil)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func signText(t *testing.T, key *openpgp.Entity, text string) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := clearsign.Encode(&out, key.PrivateKey, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.WriteString(w, text)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return append(out.Bytes(), '\n')
}

const releaseText = `Origin: Debian
Codename: trixie
Date: Sat, 21 Nov 2026 09:15:44 UTC
SHA256:
 ` + "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" + ` 12 main/binary-arm64/Packages.xz
`

func TestAReleaseMustBeSignedByTheArchive(t *testing.T) {
	key := testKey(t)
	signed := signText(t, key, releaseText)
	r, err := ReadRelease(signed, openpgp.EntityList{key})
	if err != nil || r.Codename != "trixie" || r.sums["main/binary-arm64/Packages.xz"] != strings.Repeat("a", 64) || r.Date.Year() != 2026 {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := ReadRelease(signed, openpgp.EntityList{testKey(t)}); err == nil {
		t.Error("a foreign signature was taken")
	}
	for what, bad := range map[string][]byte{
		"changed":       bytes.Replace(signed, []byte("trixie"), []byte("trixle"), 1),
		"not signed":    []byte(releaseText),
		"text after it": append(bytes.Clone(signed), releaseText...),
		"text first":    append([]byte("Codename: other\n\n"), signed...),
		"nothing":       nil,
	} {
		if _, err := ReadRelease(bad, openpgp.EntityList{key}); err == nil {
			t.Errorf("%s: was taken", what)
		}
	}
	// Debian's own keys sign nothing of ours.
	keys, err := archiveKeys()
	if err != nil || len(keys) != 2 {
		t.Fatalf("%d keys, %v", len(keys), err)
	}
	if _, err := ReadRelease(signed, keys); err == nil {
		t.Error("a foreign signature was taken for Debian's")
	}
}

const indexText = `Package: hostapd
Version: 2:2.10-9
Architecture: arm64
Description: access point
 with more lines
 .
Filename: pool/main/w/wpa/hostapd_2.10-9_arm64.deb
Size: 12
SHA256: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa

Package: other
Version: 1

Package: hostapd
Version: 2:2.10-12+deb12u3
Architecture: arm64
Filename: pool/main/w/wpa/hostapd_2.10-12_arm64.deb
Size: 13
SHA256: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
`

func TestTheNewestPackageIsTaken(t *testing.T) {
	list, err := readIndex(strings.NewReader(indexText), func(name string) bool { return name == "hostapd" })
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	for range 2 {
		if e, err := Newest(list, "hostapd"); err != nil || e.Version != "2:2.10-12+deb12u3" || e.Size != 13 {
			t.Errorf("%+v, %v", e, err)
		}
		slices.Reverse(list)
	}
	if _, err := Newest(list, "iwd"); err == nil {
		t.Error("a package that is in no index was found")
	}
	for _, bad := range []string{" more", "no field", strings.Replace(indexText, "Size: 12", "Size: x", 1), strings.Replace(indexText, "pool/", "../", 1), strings.Replace(indexText, "aaaa", "", 1)} {
		if _, err := readIndex(strings.NewReader(bad), func(name string) bool { return name == "hostapd" }); err == nil {
			t.Errorf("%.40q was taken", bad)
		}
	}
}

func FuzzIndex(f *testing.F) {
	f.Add(indexText)
	f.Add(releaseText)
	f.Add(" x")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := readIndex(strings.NewReader(text), func(string) bool { return true })
		for _, e := range list {
			if err == nil && (len(e.SHA256) != 64 || e.Version == "" || strings.Contains(e.Path, "..")) {
				t.Errorf("%+v", e)
			}
		}
	})
}

func TestALockIsReadAsItWasWritten(t *testing.T) {
	sum := strings.Repeat("a", 64)
	date := time.Date(2026, 11, 21, 9, 15, 44, 0, time.UTC)
	lock := Lock{
		Taken:    date,
		Suites:   []LockedSuite{{"trixie", date}},
		Packages: []Locked{{Name: "hostapd", Version: "2", Target: "arm64", Path: "debian/a.deb", Size: 1, SHA256: sum, Files: map[string]string{"usr/sbin/hostapd": sum}}},
	}
	data, err := lock.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	got, err := ReadLock(data)
	if err != nil {
		t.Fatal(err)
	}
	p, err := got.Find("hostapd", "arm64")
	if err != nil || !maps.Equal(p.Files, lock.Packages[0].Files) || p.SHA256 != sum || !got.Taken.Equal(date) {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := got.Find("hostapd", "amd64"); err == nil {
		t.Error("a package for another architecture was found")
	}
	if err := got.CheckAge("trixie", date.Add(-time.Hour)); err == nil {
		t.Error("an older archive was taken")
	}
	if err := errors.Join(got.CheckAge("trixie", date), got.CheckAge("forky", date)); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "{", `{"other":1}`, `{"packages":[{"name":"hostapd"}]}`} {
		if _, err := ReadLock([]byte(bad)); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}
