// Package debian takes files out of Debian packages.
//
//	InRelease   signed by a key of Debian's archive (keys/)
//	Packages    its SHA-256 is in InRelease
//	.deb        its SHA-256 is in Packages, and from then on in a lock file
//
// Only a new lock reads the first two. A build downloads the packages of the lock by their sums, so
// it needs no trust in the mirror and gives the same bytes each time.
package debian

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/livelearn/box/hal/atomicfile"
)

// maxDownload bounds a file of a mirror, in bytes.
const maxDownload = 256 << 20

// Mirror downloads files of Debian's archives.
type Mirror struct {
	URL   string        // of the host that has the archives "debian" and "debian-security"
	Old   string        // of the archives at another time, for files that URL has no longer; empty: none
	At    time.Time     // the time for Old
	Cache string        // folder that keeps files with a known sum
	Wait  time.Duration // before the second try of a download; it doubles with each try
}

// OldURL returns where Old keeps the file at a path of the mirror.
func (m Mirror) OldURL(path string) string {
	archive, rest, _ := strings.Cut(path, "/")
	return m.Old + "/" + archive + "/" + m.At.UTC().Format("20060102T150405Z") + "/" + rest
}

// tries is the number of attempts for one download.
const tries = 3

// Fetch returns the file at a path of the mirror whose SHA-256 is sum. It looks into the cache first.
func (m Mirror) Fetch(ctx context.Context, path, sum string) ([]byte, error) {
	if len(sum) != sha256.Size*2 || strings.ContainsAny(sum, "/.") {
		return nil, fmt.Errorf("%s: %q is no SHA-256", path, sum)
	}
	kept := filepath.Join(m.Cache, sum)
	if data, err := os.ReadFile(kept); err == nil && sumOf(data) == sum {
		return data, nil
	}
	data, err := m.download(ctx, m.URL+"/"+path)
	if m.Old != "" && errors.Is(err, os.ErrNotExist) {
		data, err = m.download(ctx, m.OldURL(path))
	}
	if err != nil {
		return nil, err
	}
	if got := sumOf(data); got != sum {
		return nil, fmt.Errorf("%s/%s: has the SHA-256 %s and not %s", m.URL, path, got, sum)
	}
	if err := os.MkdirAll(m.Cache, 0o755); err != nil {
		return nil, err
	}
	return data, atomicfile.Write(kept, 0o644, atomicfile.Bytes(data))
}

// download returns the file at an address. It tries again unless the answer is that there is no such file.
func (m Mirror) download(ctx context.Context, url string) (data []byte, err error) {
	if strings.HasPrefix(url, "/") {
		return nil, errors.New("apt names no mirror of Debian on this machine: name one with --mirror")
	}
	for n := range tries {
		if n > 0 {
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(m.Wait << n):
			}
		}
		if data, err = downloadOnce(ctx, url); err == nil || errors.Is(err, os.ErrNotExist) {
			break
		}
	}
	return data, err
}

func downloadOnce(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusGone:
		return nil, fmt.Errorf("%s: %w", url, os.ErrNotExist)
	default:
		return nil, fmt.Errorf("%s: %s", url, resp.Status)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxDownload+1))
	if err == nil && len(data) > maxDownload {
		err = fmt.Errorf("%s: more than %d bytes", url, maxDownload)
	}
	return data, err
}

// sumOf returns the SHA-256 of data in hexadecimal digits.
func sumOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
