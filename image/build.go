package main

import (
	"compress/flate"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/services/update/bundle"
)

// buildCmd is `image build`.
type buildCmd struct {
	Board   string   `help:"The board: ${enum}." enum:"pc,pi,virt" required:""`
	Out     string   `help:"The folder that the files are written to." required:"" type:"path"`
	Version string   `help:"The version; default: scripts/version."`
	Number  int      `name:"build" help:"The build number, which rises with each release; default: made of the version."`
	Program string   `help:"A program to put in instead of ours, for tests." type:"existingfile"`
	Options string   `help:"More options for the kernel, for tests."`
	Data    int      `help:"The oldest format of a box's data that this system reads." default:"1"`
	Date    int64    `help:"The release's date, in seconds since 1970; default: SOURCE_DATE_EPOCH, or that of the last commit." env:"SOURCE_DATE_EPOCH"`
	Roots   []string `name:"root-json" help:"The keys that the box trusts: root.json of livelearn update keys, from the first to the newest. Without it the box takes no updates, and there is no bundle." type:"existingfile"`
	Quick   bool     `help:"Compress quickly and less, for tests."`
	Pack    bool     `help:"Compress the image too, and for a Pi write what Raspberry Pi Imager reads."`
	URL     string   `help:"Where the files will be, for Imager." default:"https://example.org/livelearn"`
	Notes   string   `help:"What is new, for people."`

	packageFiles
}

// build is the state of one image build.
type build struct {
	buildCmd
	ctx      context.Context
	board    board
	source   string // folder of the project
	kernel   string // folder of the kernel module
	date     time.Time
	work     string      // temporary folder, removed at the end
	root     string      // the root file system, a file
	packages []component // of Debian
	boot     string      // started by the firmware: the kernel, or the boot partition of a Pi
}

// release is the description of the image in /usr/share/livelearn/release.json.
type release struct {
	Version string    `json:"version"`
	Build   int       `json:"build"`
	Board   string    `json:"board"`
	Built   time.Time `json:"built"`
}

// Run builds the files.
func (c *buildCmd) Run(ctx context.Context) error {
	b := &build{buildCmd: *c, ctx: ctx, board: boards[c.Board]}
	defer func() {
		if b.work != "" {
			_ = os.RemoveAll(b.work)
		}
	}()
	if err := b.prepareBuild(); err != nil {
		return err
	}
	if err := b.rootFS(); err != nil {
		return err
	}
	if err := b.board.writeDisk(b); err != nil {
		return err
	}
	return errors.Join(b.writeBundle(), b.packImage())
}

func (b *build) prepareBuild() (err error) {
	if err := b.prepareRelease(); err != nil {
		return err
	}
	b.kernel, err = moduleDir(b.ctx, b.source, b.board.kernel)
	return err
}

// prepareRelease finds the version and the date, and makes the working folder.
func (b *build) prepareRelease() (err error) {
	if b.source, err = projectDir(); err != nil {
		return err
	}
	if b.Version == "" {
		text, err := os.ReadFile(filepath.Join(b.source, "scripts", "version"))
		if err != nil {
			return err
		}
		b.Version = strings.TrimSpace(string(text))
	}
	if b.Number == 0 {
		if b.Number, err = bundle.BuildNumber(b.Version); err != nil {
			return err
		}
	}
	if b.Date == 0 {
		out, err := exec.CommandContext(b.ctx, "git", "-C", b.source, "log", "-1", "--format=%ct").Output()
		if err == nil {
			b.Date, err = strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
		}
		if err != nil {
			return fmt.Errorf("the release's date is not known; set SOURCE_DATE_EPOCH: %w", err)
		}
	}
	b.date = time.Unix(b.Date, 0).UTC()
	// The libraries that write file systems read their times from this variable.
	if err := os.Setenv("SOURCE_DATE_EPOCH", strconv.FormatInt(b.Date, 10)); err != nil {
		return err
	}
	if err := os.MkdirAll(b.Out, 0o755); err != nil {
		return err
	}
	b.work, err = os.MkdirTemp(b.Out, ".build-")
	return err
}

// projectDir returns the root folder of this project. It starts at the working folder.
func projectDir() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/livelearn/box").Output() // milliseconds
	if err != nil {
		return "", fmt.Errorf("run this in the project's folder: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// zipLevel returns how well files are compressed (RFC 1951).
func (b *build) zipLevel() int {
	if b.Quick {
		return flate.BestSpeed
	}
	return flate.BestCompression
}

// outputPath returns the path of an output file.
func (b *build) outputPath(ending string) string {
	return filepath.Join(b.Out, "livelearn-"+b.board.name+"-"+b.Version+ending)
}

// buildProgram builds the program for the board and returns its path.
func (b *build) buildProgram(to string) error {
	if b.Program != "" {
		return copyFile(b.Program, to, 0o755)
	}
	cmd := exec.CommandContext(b.ctx, filepath.Join(b.source, "scripts", "build"), to)
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+b.board.arch, "VERSION="+b.Version)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("the program: %w: %s", err, out)
	}
	return nil
}

// writeBundle writes the update that brings a box to this system. The bundle has no signature yet.
// The keys are kept elsewhere, and livelearn update sign adds the signatures.
func (b *build) writeBundle() error {
	if len(b.Roots) == 0 {
		return nil
	}
	var roots [][]byte
	for _, name := range b.Roots {
		root, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		roots = append(roots, root)
	}
	boot, err := os.Open(b.boot)
	if err != nil {
		return err
	}
	defer func() { _ = boot.Close() }()
	root, err := os.Open(b.root)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	work, err := os.Create(filepath.Join(b.work, "chunks"))
	if err != nil {
		return err
	}
	defer func() { _ = work.Close() }()
	out, err := os.Create(b.outputPath(".livelearn"))
	if err != nil {
		return err
	}
	m := bundle.Manifest{Board: b.board.name, Version: b.Version, Build: b.Number, Data: b.Data, Options: b.kernelOptions(), Notes: b.Notes}
	list := []bundle.Source{{Part: hal.PartBoot, Data: boot, Quick: b.Quick}, {Part: hal.PartRoot, Data: root, Quick: b.Quick}}
	return errors.Join(bundle.WriteBundle(out, m, list, bundle.Signer{Roots: roots}, work), out.Close())
}

// releaseJSON returns the content of release.json.
func (b *build) releaseJSON() ([]byte, error) {
	return json.MarshalIndent(release{b.Version, b.Number, b.board.name, b.date}, "", "  ")
}

func copyFile(from, to string, mode os.FileMode) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, mode)
}
