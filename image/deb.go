package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/livelearn/box/firmware/install"
)

// debCmd is `image deb`.
type debCmd struct {
	Arch    string `help:"The machine: ${enum}." enum:"amd64,arm64" required:""`
	Out     string `help:"The folder that the package is written to." required:"" type:"path"`
	Version string `help:"The version; default: scripts/version."`
	Program string `help:"A program to put in instead of ours, for tests." type:"existingfile"`
	Date    int64  `help:"The release's date, in seconds since 1970; default: SOURCE_DATE_EPOCH, or that of the last commit." env:"SOURCE_DATE_EPOCH"`
	Keys    string `name:"root-json" help:"root.json of the publisher whose updates the box takes. Without it the package takes none." type:"existingfile"`
}

// Run builds a Debian package (deb(5)). It needs no root rights, since the archive names the owners.
func (c *debCmd) Run(ctx context.Context) error {
	b := &build{buildCmd: buildCmd{Out: c.Out, Version: c.Version, Program: c.Program, Date: c.Date}, ctx: ctx, board: board{name: "linux", arch: c.Arch}}
	if err := b.prepareRelease(); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(b.work) }()
	program := filepath.Join(b.work, "livelearn")
	if err := b.buildProgram(program); err != nil {
		return err
	}
	files, err := debFiles(b, program, c.Keys)
	if err != nil {
		return err
	}
	data, err := packFiles(files, b.date)
	if err != nil {
		return err
	}
	control, err := packFiles(controlFiles(b, files), b.date)
	if err != nil {
		return err
	}
	name := filepath.Join(c.Out, fmt.Sprintf("livelearn_%s_%s.deb", debVersion(b.Version), c.Arch))
	return os.WriteFile(name, writeAr(b.date, []arMember{{"debian-binary", []byte("2.0\n")}, {"control.tar.gz", control}, {"data.tar.gz", data}}), 0o644)
}

// debVersion makes a pre-release sort before its release, as Debian does with a tilde.
func debVersion(version string) string { return strings.Replace(version, "-", "~", 1) }

// debFile is a file of an archive.
type debFile struct {
	name string
	mode int64
	data []byte
	link string
}

// debFiles are the files that the package installs.
func debFiles(b *build, program, keys string) ([]debFile, error) {
	p := install.Package
	binary, err := os.ReadFile(program)
	if err != nil {
		return nil, err
	}
	changes, err := packText(fmt.Sprintf("livelearn (%s) stable; urgency=medium\n\n  * See .github/CHANGELOG.md of the project.\n\n -- LiveLearn <livelearn@example.org>  %s\n",
		debVersion(b.Version), b.date.Format(time.RFC1123Z)), b.date)
	if err != nil {
		return nil, err
	}
	manual, err := packText(install.ManualPage, b.date)
	if err != nil {
		return nil, err
	}
	const doc = "/usr/share/doc/livelearn/"
	list := []debFile{
		{name: p.Config, mode: 0o644, data: []byte(install.Config("", ""))},
		{name: p.Link, link: "../lib/livelearn/livelearn"},
		{name: p.Program, mode: 0o755, data: binary},
		{name: p.Manual, mode: 0o644, data: manual},
		{name: p.User, mode: 0o644, data: []byte(install.UserConfig)},
		{name: p.Unit, mode: 0o644, data: []byte(p.UnitFile())},
		{name: doc + "changelog.gz", mode: 0o644, data: changes},
		{name: doc + "copyright", mode: 0o644, data: []byte(copyright)},
	}
	licences, err := licenceFiles(b, program)
	if list = append(list, licences...); err != nil || keys == "" {
		return list, err
	}
	root, err := os.ReadFile(keys)
	return append([]debFile{{name: install.KeysFile, mode: 0o644, data: root}}, list...), err
}

const copyright = `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: LiveLearn Box
Source: https://github.com/livelearn/box
Comment: The parts of others that are in the program, and their licences, are
 in /usr/share/livelearn.

Files: *
Copyright: the authors of LiveLearn Box
License: Apache-2.0
 On Debian systems the text of the Apache License 2.0 is in
 /usr/share/common-licenses/Apache-2.0.
`

// licenceFiles are the list of parts and the licence of each, as in an image.
func licenceFiles(b *build, program string) (list []debFile, err error) {
	share := filepath.Join(b.work, "share")
	if err := b.writeLicences(share, program); err != nil {
		return nil, err
	}
	files := os.DirFS(share)
	err = fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(files, name)
		list = append(list, debFile{name: "/usr/share/livelearn/" + name, mode: 0o644, data: data})
		return err
	})
	return list, err
}

// controlFiles describe the package and say what dpkg runs. dpkg makes its own list of sums when there
// is none.
func controlFiles(b *build, files []debFile) []debFile {
	size, conffiles := 0, ""
	for _, f := range files {
		if f.link != "" {
			continue
		}
		size += len(f.data)
		if strings.HasPrefix(f.name, "/etc/") {
			conffiles += f.name + "\n"
		}
	}
	control := fmt.Sprintf(`Package: livelearn
Version: %s
Architecture: %s
Maintainer: LiveLearn <livelearn@example.org>
Installed-Size: %d
Depends: systemd
Section: education
Priority: optional
Homepage: https://github.com/livelearn/box
Description: live classroom in a box, without the internet
 Pupils scan a code, tap their name and are in: slides, quizzes, whiteboards,
 raised hands and video, on the school's own network. The box needs no
 account, no cloud and no internet.
`, debVersion(b.Version), b.board.arch, (size+1023)/1024)
	return []debFile{
		{name: "/conffiles", mode: 0o644, data: []byte(conffiles)},
		{name: "/control", mode: 0o644, data: []byte(control)},
		{name: "/postinst", mode: 0o755, data: []byte(postinst)},
		{name: "/postrm", mode: 0o755, data: []byte(postrm)},
		{name: "/prerm", mode: 0o755, data: []byte(prerm)},
	}
}

// The scripts of the package do what debhelper's dh_installsystemd and dh_installsysusers do. A system
// that does not run, such as a folder that becomes an image, is left alone.
const (
	postinst = `#!/bin/sh
set -e
if [ "$1" = configure ] || [ "$1" = abort-upgrade ]; then
	systemd-sysusers ${DPKG_ROOT:+--root="$DPKG_ROOT"} livelearn.conf
	if [ -z "$2" ] && [ -z "$DPKG_ROOT" ]; then
		chown root:livelearn /etc/livelearn/livelearn.toml
		chmod 640 /etc/livelearn/livelearn.toml
	fi
	if command -v deb-systemd-helper >/dev/null; then
		deb-systemd-helper unmask livelearn.service >/dev/null || true
		if deb-systemd-helper --quiet was-enabled livelearn.service; then
			deb-systemd-helper enable livelearn.service >/dev/null || true
		else
			deb-systemd-helper update-state livelearn.service >/dev/null || true
		fi
	fi
	if [ -z "$DPKG_ROOT" ] && [ -d /run/systemd/system ]; then
		systemctl --system daemon-reload >/dev/null || true
		if [ -n "$2" ]; then action=restart; else action=start; fi
		deb-systemd-invoke $action livelearn.service >/dev/null || true
		if [ -z "$2" ]; then echo "LiveLearn Box: its address and claim code are shown by: sudo livelearn doctor"; fi
	fi
fi
`
	prerm = `#!/bin/sh
set -e
if [ "$1" = remove ] && [ -z "$DPKG_ROOT" ] && [ -d /run/systemd/system ]; then
	deb-systemd-invoke stop livelearn.service >/dev/null || true
fi
`
	postrm = `#!/bin/sh
set -e
if [ "$1" = remove ] || [ "$1" = purge ]; then
	rm -rf "$DPKG_ROOT/var/lib/livelearn-program"
	if [ -z "$DPKG_ROOT" ] && [ -d /run/systemd/system ]; then
		systemctl --system daemon-reload >/dev/null || true
	fi
fi
if [ "$1" = purge ]; then
	rm -rf "$DPKG_ROOT/var/lib/livelearn"
	if command -v deb-systemd-helper >/dev/null; then
		deb-systemd-helper purge livelearn.service >/dev/null || true
		deb-systemd-helper unmask livelearn.service >/dev/null || true
	fi
fi
`
)

// packFiles writes a tar archive with gzip. The folders of a file come before it. Everything belongs
// to root.
func packFiles(files []debFile, date time.Time) ([]byte, error) {
	var out bytes.Buffer
	z, err := newGzip(&out, date)
	if err != nil {
		return nil, err
	}
	w := tar.NewWriter(z)
	seen := map[string]bool{}
	add := func(h tar.Header, data []byte) error {
		h.ModTime, h.Format, h.Uname, h.Gname = date, tar.FormatGNU, "root", "root"
		if err := w.WriteHeader(&h); err != nil {
			return err
		}
		_, err := w.Write(data)
		return err
	}
	var folders func(dir string) error
	folders = func(dir string) error {
		if seen[dir] {
			return nil
		}
		seen[dir] = true
		if dir != "/" {
			if err := folders(path.Dir(dir)); err != nil {
				return err
			}
		}
		return add(tar.Header{Typeflag: tar.TypeDir, Name: strings.TrimSuffix("."+dir, "/") + "/", Mode: 0o755}, nil)
	}
	for _, f := range files {
		h := tar.Header{Typeflag: tar.TypeReg, Name: "." + f.name, Mode: f.mode, Size: int64(len(f.data))}
		if f.link != "" {
			h.Typeflag, h.Mode, h.Linkname = tar.TypeSymlink, 0o777, f.link
		}
		if err := errors.Join(folders(path.Dir(f.name)), add(h, f.data)); err != nil {
			return nil, err
		}
	}
	err = errors.Join(w.Close(), z.Close())
	return out.Bytes(), err
}

func newGzip(w io.Writer, date time.Time) (*gzip.Writer, error) {
	z, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err == nil {
		z.ModTime = date
	}
	return z, err
}

func packText(text string, date time.Time) ([]byte, error) {
	var out bytes.Buffer
	z, err := newGzip(&out, date)
	if err != nil {
		return nil, err
	}
	_, err = io.WriteString(z, text)
	err = errors.Join(err, z.Close())
	return out.Bytes(), err
}

// arMember is a file of an ar archive.
type arMember struct {
	name string
	data []byte
}

// writeAr returns an ar archive (ar(5)), the outer form of a package.
func writeAr(date time.Time, list []arMember) []byte {
	out := []byte("!<arch>\n")
	for _, m := range list {
		out = fmt.Appendf(out, "%-16s%-12d%-6d%-6d%-8s%-10d`\n", m.name, date.Unix(), 0, 0, "100644", len(m.data))
		out = append(out, m.data...)
		if len(m.data)%2 == 1 {
			out = append(out, '\n')
		}
	}
	return out
}
