package debian

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// maxContent bounds the unpacked files of a package, in bytes.
const maxContent = 256 << 20

// maxLinks bounds how many links lead to a file.
const maxLinks = 8

// Extract returns files of a package (deb(5)) by their names, such as "usr/sbin/hostapd". A name
// that is a link gives the file that it leads to, which must be in the same package.
func Extract(deb []byte, names []string) (map[string][]byte, error) {
	data, err := openData(deb)
	if err != nil {
		return nil, err
	}
	files, links, err := readTar(data)
	if err != nil {
		return nil, err
	}
	out := map[string][]byte{}
	for _, name := range names {
		at := name
		for n := 0; links[at] != ""; n++ {
			if n == maxLinks {
				return nil, fmt.Errorf("%s: leads to more than %d links", name, maxLinks)
			}
			at = links[at]
		}
		content, ok := files[at]
		if !ok {
			return nil, fmt.Errorf("%s: is not in the package", name)
		}
		out[name] = content
	}
	return out, nil
}

// openData returns the tar file with the content of a package.
func openData(deb []byte) (io.Reader, error) {
	for rest := deb; ; {
		name, content, after, err := nextMember(rest, len(rest) == len(deb))
		if err != nil {
			return nil, err
		}
		r := bytes.NewReader(content)
		switch name {
		case "data.tar.xz":
			return xz.NewReader(r)
		case "data.tar.zst":
			z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxContent))
			if err != nil {
				return nil, err
			}
			return z.IOReadCloser(), nil
		case "data.tar.gz":
			return gzip.NewReader(r)
		case "data.tar":
			return r, nil
		}
		rest = after
	}
}

// nextMember returns the first member of an ar archive and the rest. first is true at the start of
// the archive, which has a line of its own (ar(5)).
func nextMember(data []byte, first bool) (name string, content, rest []byte, err error) {
	const magic, header = "!<arch>\n", 60
	if first {
		if !bytes.HasPrefix(data, []byte(magic)) {
			return "", nil, nil, errors.New("is no Debian package")
		}
		data = data[len(magic):]
	}
	if len(data) < header || string(data[58:60]) != "`\n" {
		return "", nil, nil, errors.New("the package ends before its content")
	}
	name = strings.TrimSuffix(strings.TrimSpace(string(data[:16])), "/")
	size, err := strconv.ParseUint(strings.TrimSpace(string(data[48:58])), 10, 31)
	if err != nil || int(size) > len(data)-header {
		return "", nil, nil, fmt.Errorf("member %q: its size is wrong", name)
	}
	content, rest = data[header:header+int(size)], data[header+int(size):]
	if size%2 == 1 && len(rest) > 0 {
		rest = rest[1:] // members start at even bytes
	}
	return name, content, rest, nil
}

// readTar returns the files of a tar file, and the targets of its links.
func readTar(r io.Reader) (files map[string][]byte, links map[string]string, err error) {
	files, links = map[string][]byte{}, map[string]string{}
	t := tar.NewReader(r)
	left := int64(maxContent)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return files, links, nil
		}
		if err != nil {
			return nil, nil, err
		}
		name := path.Clean("/" + h.Name)[1:]
		switch h.Typeflag {
		case tar.TypeReg:
			data, err := io.ReadAll(io.LimitReader(t, left+1))
			if left -= int64(len(data)); err == nil && left < 0 {
				err = fmt.Errorf("the package has more than %d bytes", maxContent)
			}
			if err != nil {
				return nil, nil, err
			}
			files[name] = data
		case tar.TypeSymlink:
			if !path.IsAbs(h.Linkname) {
				//lint:ignore gosec the name finds a file in this map, and no file of this machine
				h.Linkname = path.Join("/", path.Dir(name), h.Linkname)
			}
			links[name] = path.Clean(h.Linkname)[1:]
		case tar.TypeLink:
			links[name] = path.Clean("/" + h.Linkname)[1:]
		}
	}
}
