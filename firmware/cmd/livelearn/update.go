package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/livelearn/box/firmware"
	"github.com/livelearn/box/firmware/control"
	"github.com/livelearn/box/hal/atomicfile"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/update/bundle"
)

// updateCmd has the commands for publishers of updates. Keys are separate files. They belong on a
// machine without a network, and never in a repository.
type updateCmd struct {
	Keys    keysCmd    `cmd:"" help:"Make keys and the list of keys that boxes trust."`
	Make    makeCmd    `cmd:"" help:"Make an unsigned bundle of a kernel and a root file system."`
	Channel channelCmd `cmd:"" help:"Make an unsigned channel file, which sets the version of a fleet."`
	Sign    signCmd    `cmd:"" help:"Add a signature to a bundle or a channel file."`
	Verify  verifyCmd  `cmd:"" help:"Check a whole bundle like a box does."`
	Apply   applyCmd   `cmd:"" help:"Install a bundle on the box that runs on this machine."`
	Live    liveCmd    `cmd:"" help:"Let another program take the place of the running box, without a pause for the people on it. On an installed system the program of the other slot is kept once it was healthy. After any other program the next start takes the installed one."`
}

type keysCmd struct {
	New    newKeyCmd `cmd:"" help:"Make a private key."`
	Root   rootCmd   `cmd:"" help:"Make the first root.json, the list of keys that boxes trust."`
	Rotate rotateCmd `cmd:"" help:"Make the next root.json, which replaces the trusted keys."`
}

type newKeyCmd struct {
	File string `arg:"" help:"File for the key. It must not exist." type:"path"`
}

// Run makes a private key.
func (c newKeyCmd) Run(environment) error {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(c.File, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(pem.Encode(f, &pem.Block{Type: "PRIVATE KEY", Bytes: der}), f.Sync(), f.Close())
}

// readKeys reads private keys (RFC 8410).
func readKeys(files []string) (keys []ed25519.PrivateKey, err error) {
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		block, _ := pem.Decode(data)
		if block == nil {
			return nil, fmt.Errorf("%s holds no key", name)
		}
		key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		k, ok := key.(ed25519.PrivateKey)
		if !ok {
			return nil, fmt.Errorf("%s is not a key for Ed25519", name)
		}
		keys = append(keys, k)
	}
	return keys, nil
}

type rootCmd struct {
	Key       []string `help:"File with a key that boxes should trust. Repeat for more keys." required:"" type:"existingfile"`
	Threshold int      `help:"Number of keys that must sign." default:"1"`
	Out       string   `help:"File for the new root.json." required:"" type:"path"`
}

// Run makes the first root.json.
func (c rootCmd) Run(environment) error {
	keys, err := readKeys(c.Key)
	if err != nil {
		return err
	}
	root, err := bundle.NewRoot(keys, c.Threshold)
	if err != nil {
		return err
	}
	return atomicfile.Write(c.Out, 0o644, atomicfile.Bytes(root))
}

type rotateCmd struct {
	Root      string   `help:"The current root.json of the boxes." required:"" type:"existingfile"`
	Old       []string `help:"File with a current key. Repeat for as many as must sign." required:"" type:"existingfile"`
	Key       []string `help:"File with a new key that boxes should trust. Repeat for more keys." required:"" type:"existingfile"`
	Threshold int      `help:"Number of new keys that must sign." default:"1"`
	Out       string   `help:"File for the new root.json." required:"" type:"path"`
}

// Run makes the next root.json.
func (c rotateCmd) Run(environment) error {
	before, err := os.ReadFile(c.Root)
	if err != nil {
		return err
	}
	old, err := readKeys(c.Old)
	if err != nil {
		return err
	}
	keys, err := readKeys(c.Key)
	if err != nil {
		return err
	}
	root, err := bundle.NextRoot(before, old, keys, c.Threshold)
	if err != nil {
		return err
	}
	return atomicfile.Write(c.Out, 0o644, atomicfile.Bytes(root))
}

// rootFiles are the root.json files, the oldest first.
type rootFiles struct {
	Root []string `help:"A root.json. Repeat for all, from the first to the newest." required:"" type:"existingfile"`
}

func (r rootFiles) readRoots() (list [][]byte, err error) {
	for _, name := range r.Root {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		list = append(list, data)
	}
	return list, nil
}

type makeCmd struct {
	rootFiles
	Board   string `help:"Kind of board, such as pc or pi." required:""`
	Version string `help:"Version for people: MAJOR.MINOR.PATCH." required:""`
	Build   int    `help:"Build number. It rises with each release." required:""`
	Options string `help:"Options of the kernel."`
	Notes   string `help:"Release notes for people."`
	Boot    string `help:"File with the kernel (pc) or the boot file system (pi)." required:"" type:"existingfile"`
	System  string `help:"File with the root file system." required:"" type:"existingfile"`
	Out     string `help:"File for the bundle." required:"" type:"path"`
}

// Run makes a bundle.
func (c makeCmd) Run(environment) (err error) {
	roots, err := c.readRoots()
	if err != nil {
		return err
	}
	return atomicfile.Write(c.Out, 0o666, func(w io.Writer) error {
		work, err := os.CreateTemp("", "livelearn-update-")
		if err != nil {
			return err
		}
		defer func() { _ = errors.Join(work.Close(), os.Remove(work.Name())) }()
		boot, err := os.Open(c.Boot)
		if err != nil {
			return err
		}
		defer func() { _ = boot.Close() }()
		system, err := os.Open(c.System)
		if err != nil {
			return err
		}
		defer func() { _ = system.Close() }()
		m := bundle.Manifest{Board: c.Board, Version: c.Version, Build: c.Build, Data: firmware.DataFormat, Options: c.Options, Notes: c.Notes}
		return bundle.WriteBundle(w, m, []bundle.Source{{Part: "boot", Data: boot}, {Part: "root", Data: system}}, bundle.Signer{Roots: roots}, work)
	})
}

type channelCmd struct {
	rootFiles
	Board   string `help:"Kind of board, such as pc or pi." required:""`
	Version string `help:"Version that boxes should run." required:""`
	Build   int    `help:"Build number of that version." required:""`
	URL     string `help:"Address of the bundle. It may be relative to the address of the channel." required:""`
	Percent int    `help:"Percentage of boxes in the rollout." default:"100"`
	Notes   string `help:"Release notes for people."`
	Out     string `help:"File for the channel." required:"" type:"path"`
}

// Run makes a channel file.
func (c channelCmd) Run(environment) error {
	roots, err := c.readRoots()
	if err != nil {
		return err
	}
	return atomicfile.Write(c.Out, 0o666, func(w io.Writer) error {
		ch := bundle.Channel{Board: c.Board, Version: c.Version, Build: c.Build, URL: c.URL, Percent: c.Percent, Notes: c.Notes}
		return bundle.WriteChannel(w, ch, bundle.Signer{Roots: roots})
	})
}

type signCmd struct {
	Key  []string `help:"File with a key. Repeat for more keys." required:"" type:"existingfile"`
	File string   `arg:"" help:"Bundle or channel file. It is replaced." type:"existingfile"`
}

// Run adds signatures.
func (c signCmd) Run(environment) error {
	keys, err := readKeys(c.Key)
	if err != nil {
		return err
	}
	in, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	return atomicfile.Write(c.File, 0o666, func(w io.Writer) error { return bundle.AddSignatures(w, in, keys) })
}

type verifyCmd struct {
	Root string `help:"The root.json of a box." required:"" type:"existingfile"`
	File string `arg:"" help:"File with the bundle." type:"existingfile"`
}

// Run checks a bundle.
func (c verifyCmd) Run(w environment) error {
	root, err := os.ReadFile(c.Root)
	if err != nil {
		return err
	}
	f, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	h, err := bundle.ReadHead(f, root)
	if err != nil {
		return err
	}
	for _, p := range h.ChunkPlaces() {
		packed := make([]byte, p.Packed)
		if _, err := io.ReadFull(f, packed); err != nil {
			return fmt.Errorf("the file ends too early: %w", err)
		}
		if _, err := bundle.UnpackChunk(p.Chunk, packed); err != nil {
			return err
		}
	}
	if n, err := io.CopyN(io.Discard, f, 1); n > 0 || !errors.Is(err, io.EOF) {
		return errs.NewCode("verify", errs.Invalid, "altered", "something follows the end of the bundle, or the file cannot be read to its end: %w", err)
	}
	printText(w.stdout, "good: %s %s, build %d, %d bytes\n", h.Board, h.Version, h.Build, h.DataAt+h.DataSize())
	return nil
}

type applyCmd struct {
	folderFlags
	When string `help:"When to install: now, idle (when no lesson is open) or night." enum:"now,idle,night" default:"idle"`
	File string `arg:"" help:"File with the bundle." type:"existingfile"`
}

// Run sends a bundle to the running box.
func (c applyCmd) Run(w environment) error {
	f, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if err := control.ApplyUpdate(c.Data, f, c.When); err != nil {
		return err
	}
	printText(w.stdout, "received; it is installed: %s\n", c.When)
	return nil
}

type liveCmd struct {
	folderFlags
	Wait    time.Duration `help:"How long people may wait for the new program before the old one continues. 0 means 500ms." default:"0s"`
	Program string        `arg:"" help:"The new program. It must belong to root or to the user of the box, and other people must not be able to write it." type:"path"`
}

// Run replaces the program of the box that runs on the data folder.
func (c liveCmd) Run(w environment) error {
	now, err := control.ReplaceProgram(context.Background(), c.Data, c.Program, c.Wait)
	if err != nil {
		return err
	}
	printText(w.stdout, "version %s serves now, as process %d\n", now.Version, now.PID)
	return nil
}
