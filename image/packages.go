package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/livelearn/box/hal/atomicfile"
	"github.com/livelearn/box/image/debian"
)

// suites are the signed parts of Debian's archive that packages come from.
var suites = []debian.Suite{
	{Archive: "debian", Name: "trixie", Sections: []string{"main", "non-free-firmware"}},
	{Archive: "debian-security", Name: "trixie-security", Sections: []string{"main", "non-free-firmware"}},
}

// debianPackage is one package and the files that an image takes from it. The path of a file may
// hold {libs}, the folder of the libraries of an architecture.
type debianPackage struct {
	name   string
	boards []string // nil means all
	files  []string
}

// debianPackages are the programs and the firmware of the Wi-Fi, and the program that repairs the
// file system of the data. The module of OpenSSL has the old ciphers of MSCHAPv2, with which a
// school's Wi-Fi checks a password.
var debianPackages = []debianPackage{
	{name: "hostapd", files: []string{"usr/sbin/hostapd"}},
	{name: "wpasupplicant", files: []string{"usr/sbin/wpa_supplicant"}},
	{name: "libdbus-1-3", files: []string{"{libs}/libdbus-1.so.3"}},
	{name: "libsystemd0", files: []string{"{libs}/libsystemd.so.0"}},
	{name: "libcap2", files: []string{"{libs}/libcap.so.2"}},
	{name: "libpcsclite1", files: []string{"{libs}/libpcsclite.so.1"}},
	{name: "openssl-provider-legacy", files: []string{"{libs}/ossl-modules/legacy.so"}},
	{name: "libc6", files: []string{"{loader}", "{libs}/libc.so.6", "{libs}/libm.so.6"}},
	{name: "libnl-3-200", files: []string{"{libs}/libnl-3.so.200"}},
	{name: "libnl-genl-3-200", files: []string{"{libs}/libnl-genl-3.so.200"}},
	{name: "libnl-route-3-200", files: []string{"{libs}/libnl-route-3.so.200"}},
	{name: "libssl3t64", files: []string{"{libs}/libssl.so.3", "{libs}/libcrypto.so.3"}},
	{name: "libzstd1", files: []string{"{libs}/libzstd.so.1"}},
	{name: "zlib1g", files: []string{"{libs}/libz.so.1"}},
	{name: "e2fsprogs", files: []string{"usr/sbin/e2fsck"}},
	{name: "libext2fs2t64", files: []string{"{libs}/libext2fs.so.2", "{libs}/libe2p.so.2"}},
	{name: "libcom-err2", files: []string{"{libs}/libcom_err.so.2"}},
	{name: "libblkid1", files: []string{"{libs}/libblkid.so.1"}},
	{name: "libuuid1", files: []string{"{libs}/libuuid.so.1"}},
	{name: "wireless-regdb", files: []string{"usr/lib/firmware/regulatory.db-upstream", "usr/lib/firmware/regulatory.db.p7s-upstream"}},
	{name: "firmware-brcm80211", boards: []string{"pi"}, files: piRadioFiles()},
	{name: "base-files", files: commonLicences()},
}

// piRadioFiles returns the firmware of the radios of Raspberry Pis: BCM43430 in a 3 B and Zero 2 W, and
// BCM43455 in a 3 B+, 4 and 5. The kernel asks for a text by the model (brcmf_fw_alloc_request).
func piRadioFiles() (list []string) {
	for chip, models := range map[string][]string{
		"43430": {"3-model-b", "model-zero-2-w"},
		"43455": {"3-model-a-plus", "3-model-b-plus", "4-model-b", "4-compute-module", "5-model-b", "5-compute-module", "500"},
	} {
		base := "usr/lib/firmware/brcm/brcmfmac" + chip + "-sdio."
		list = append(list, base+"bin", base+"clm_blob")
		for _, m := range models {
			list = append(list, base+"raspberrypi,"+m+".txt")
		}
	}
	slices.Sort(list)
	return list
}

// licencesFolder is the folder of the licences that the texts of other packages name.
const licencesFolder = "usr/share/common-licenses/"

func commonLicences() (list []string) {
	for _, name := range []string{"Apache-2.0", "Artistic", "BSD", "GFDL-1.3", "GPL-1", "GPL-2", "GPL-3", "LGPL-2", "LGPL-2.1", "LGPL-3"} {
		list = append(list, licencesFolder+name)
	}
	return list
}

// archFolders are the values of {libs} and {loader}.
var archFolders = map[string]*strings.Replacer{
	"amd64": strings.NewReplacer("{libs}", "usr/lib/x86_64-linux-gnu", "{loader}", "usr/lib64/ld-linux-x86-64.so.2"),
	"arm64": strings.NewReplacer("{libs}", "usr/lib/aarch64-linux-gnu", "{loader}", "usr/lib/ld-linux-aarch64.so.1"),
}

// isFor reports whether a board's image has files of the package.
func (p debianPackage) isFor(board string) bool {
	return p.boards == nil || slices.Contains(p.boards, board)
}

// isForArch reports whether a board of the architecture has files of the package.
func (p debianPackage) isForArch(arch string) bool {
	return p.boards == nil || slices.ContainsFunc(p.boards, func(name string) bool { return boards[name].arch == arch })
}

// installed returns the files that an image has from the package: path in the package -> path in the image.
func (p debianPackage) installed(arch string) map[string]string {
	files := map[string]string{}
	for _, f := range p.files {
		if from := archFolders[arch].Replace(f); !strings.HasPrefix(from, licencesFolder) {
			files[from] = imagePath(from)
		}
	}
	return files
}

// imagePath returns the path in an image of a file of a package. Programs name their loader, and the
// kernel its firmware, without usr/.
func imagePath(from string) string {
	for _, dir := range []string{"usr/lib/firmware/", "usr/lib64/", "usr/lib/ld-linux"} {
		if strings.HasPrefix(from, dir) {
			from = strings.TrimPrefix(from, "usr/")
		}
	}
	// The upstream file has the signature that every kernel knows.
	return strings.TrimSuffix(from, "-upstream")
}

// isProgram reports whether a file of a package is executable.
func isProgram(name string) bool {
	return strings.HasPrefix(name, "usr/sbin/") || strings.Contains(name, "/ld-linux")
}

// packageFiles are flags of the commands that read packages.
type packageFiles struct {
	Mirror string `help:"The address of Debian's archives, without /debian; default: that of apt on this machine."`
	Cache  string `help:"The folder that keeps downloaded packages; default: livelearn in the user's folder for caches." type:"path"`
}

// mirror returns the mirror. Its URL is empty if none is named: the cache may have all packages.
func (f packageFiles) mirror() (debian.Mirror, error) {
	m := debian.Mirror{URL: strings.TrimSuffix(cmp.Or(f.Mirror, debian.FindMirror(os.DirFS("/"))), "/"), Cache: f.Cache, Wait: time.Second}
	if m.Cache == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			return m, fmt.Errorf("name a folder with --cache: %w", err)
		}
		m.Cache = filepath.Join(dir, "livelearn", "packages")
	}
	return m, nil
}

// oldArchives has each state of Debian's archives, for good.
const oldArchives = "http://snapshot.debian.org/archive"

//go:embed packages.lock
var lockText []byte

// lockName is the lock file in the project.
const lockName = "image/packages.lock"

// copyPackages copies the files of the packages into the root file system.
func (b *build) copyPackages(dir string) error {
	lock, err := debian.ReadLock(lockText)
	if err != nil {
		return err
	}
	mirror, err := b.mirror()
	if err != nil {
		return err
	}
	// Debian removes a package when a newer one replaces it, and keeps it in the archive of old states,
	// which takes a package in within hours.
	mirror.Old, mirror.At = oldArchives, lock.Taken.AddDate(0, 0, 1)
	for _, p := range debianPackages {
		if !p.isFor(b.board.name) {
			continue
		}
		locked, err := lock.Find(p.name, b.board.arch)
		if err != nil {
			return err
		}
		deb, err := mirror.Fetch(b.ctx, locked.Path, locked.SHA256)
		if err != nil {
			return fmt.Errorf("package %s %s (a newer one is taken by: image lock): %w", p.name, locked.Version, err)
		}
		if err := b.copyPackage(dir, p, locked, deb, mirror.OldURL(locked.Path)); err != nil {
			return fmt.Errorf("package %s: %w", p.name, err)
		}
	}
	return nil
}

func (b *build) copyPackage(dir string, p debianPackage, locked debian.Locked, deb []byte, location string) error {
	notice := "usr/share/doc/" + p.name + "/copyright"
	files := p.installed(b.board.arch)
	content, err := debian.Extract(deb, slices.Concat(slices.Collect(maps.Keys(files)), []string{notice}, licencesOf(p)))
	if err != nil {
		return err
	}
	for from, to := range files {
		to = filepath.Join(dir, to)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(to, content[from], 0o644); err != nil {
			return err
		}
	}
	text := append([]byte("The licences that this text finds in /usr/share/common-licenses are in base-files.txt.\n\n"), content[notice]...)
	for _, name := range licencesOf(p) {
		text = append(append(text, "\n\n"+path.Base(name)+"\n\n"...), content[name]...)
	}
	b.packages = append(b.packages, component{
		Name: p.name, Version: locked.Version, text: text,
		Location: location, Sums: []checksum{{"SHA256", locked.SHA256}},
	})
	return nil
}

// licencesOf returns the licences in a package that the texts of other packages name.
func licencesOf(p debianPackage) (list []string) {
	for _, f := range p.files {
		if strings.HasPrefix(f, licencesFolder) {
			list = append(list, f)
		}
	}
	return list
}

// lockCmd is `image lock`.
type lockCmd struct {
	packageFiles
}

// Run writes a new lock file with the newest packages of Debian's archives.
func (c *lockCmd) Run(ctx context.Context) error {
	root, err := projectDir()
	if err != nil {
		return err
	}
	mirror, err := c.mirror()
	if err != nil {
		return err
	}
	before, err := debian.ReadLock(lockText)
	if err != nil {
		return err
	}
	lock := debian.Lock{Taken: time.Now().UTC().Truncate(time.Second)}
	for _, arch := range slices.Sorted(maps.Keys(archFolders)) {
		entries, err := readSuites(ctx, mirror, arch, before, &lock)
		if err != nil {
			return err
		}
		for _, p := range debianPackages {
			if !p.isForArch(arch) {
				continue
			}
			locked, err := lockPackage(ctx, mirror, p, arch, entries)
			if err != nil {
				return err
			}
			lock.Packages = append(lock.Packages, locked)
		}
	}
	data, err := lock.Bytes()
	if err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(root, lockName), 0o644, atomicfile.Bytes(data))
}

// readSuites returns the wanted packages of all suites for an architecture.
func readSuites(ctx context.Context, m debian.Mirror, arch string, before debian.Lock, lock *debian.Lock) (list []debian.Entry, err error) {
	want := func(name string) bool {
		return slices.ContainsFunc(debianPackages, func(p debianPackage) bool { return p.name == name })
	}
	for _, s := range suites {
		entries, release, err := m.ReadSuite(ctx, s, arch, want)
		if err == nil {
			err = before.CheckAge(s.Name, release.Date)
		}
		if err != nil {
			return nil, err
		}
		list = append(list, entries...)
		if now := (debian.LockedSuite{Name: s.Name, Date: release.Date}); !slices.Contains(lock.Suites, now) {
			lock.Suites = append(lock.Suites, now)
		}
	}
	return list, nil
}

// lockPackage downloads a package and describes it.
func lockPackage(ctx context.Context, m debian.Mirror, p debianPackage, arch string, entries []debian.Entry) (debian.Locked, error) {
	e, err := debian.Newest(entries, p.name)
	if err != nil {
		return debian.Locked{}, err
	}
	deb, err := m.Fetch(ctx, e.Path, e.SHA256)
	if err != nil {
		return debian.Locked{}, err
	}
	files := p.installed(arch)
	content, err := debian.Extract(deb, slices.Collect(maps.Keys(files)))
	if err != nil {
		return debian.Locked{}, fmt.Errorf("package %s: %w", p.name, err)
	}
	locked := debian.Locked{Name: p.name, Version: e.Version, Target: arch, Path: e.Path, Size: e.Size, SHA256: e.SHA256, Files: map[string]string{}}
	for from, to := range files {
		locked.Files[to] = fileDigest(content[from])
	}
	return locked, nil
}

// fileDigest returns the SHA-256 of data in hexadecimal digits.
func fileDigest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// packageSums returns the files of packages in a board's image: path -> SHA-256.
func packageSums(board, arch string) (map[string]string, error) {
	lock, err := debian.ReadLock(lockText)
	if err != nil {
		return nil, err
	}
	sums := map[string]string{}
	for _, p := range debianPackages {
		if !p.isFor(board) {
			continue
		}
		locked, err := lock.Find(p.name, arch)
		if err != nil {
			return nil, err
		}
		for _, to := range p.installed(arch) {
			sums[to] = locked.Files[to]
		}
	}
	return sums, nil
}
