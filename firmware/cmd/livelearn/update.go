package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/livelearn/box/firmware"
	"github.com/livelearn/box/services/update/bundle"
)

// updateCmd is for those who publish updates. Keys are files of their own: they belong on a
// machine without a network, and never into a repository.
type updateCmd struct {
	Keys    keysCmd    `cmd:"" help:"Make a key, or the list of keys that boxes trust."`
	Make    makeCmd    `cmd:"" help:"Make a bundle of a kernel and a root file system, without a signature."`
	Channel channelCmd `cmd:"" help:"Make a channel file, which tells a fleet which version to have, without a signature."`
	Sign    signCmd    `cmd:"" help:"Add a signature to a bundle or a channel file."`
	Verify  verifyCmd  `cmd:"" help:"Check a bundle as a box does, all of it."`
	Apply   applyCmd   `cmd:"" help:"Give a bundle to the box that runs on this machine."`
}

type keysCmd struct {
	New    newKeyCmd `cmd:"" help:"Make a private key."`
	Root   rootCmd   `cmd:"" help:"Make the first root.json: the keys that boxes trust."`
	Rotate rotateCmd `cmd:"" help:"Make the root.json that follows: other keys are trusted from then on."`
}

type newKeyCmd struct {
	File string `arg:"" help:"The file that the key is written to. It must not be there." type:"path"`
}

// Run makes a key.
func (c newKeyCmd) Run(world) error {
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
	Key       []string `help:"A key that boxes are to trust; may be given more than once." required:"" type:"existingfile"`
	Threshold int      `help:"How many of them must sign." default:"1"`
	Out       string   `help:"The file that is written." required:"" type:"path"`
}

// Run makes the first root.json.
func (c rootCmd) Run(world) error {
	keys, err := readKeys(c.Key)
	if err != nil {
		return err
	}
	root, err := bundle.NewRoot(keys, c.Threshold)
	if err != nil {
		return err
	}
	return os.WriteFile(c.Out, root, 0o644)
}

type rotateCmd struct {
	Root      string   `help:"The root.json that boxes have." required:"" type:"existingfile"`
	Old       []string `help:"A key of that one, as many as must sign." required:"" type:"existingfile"`
	Key       []string `help:"A key that boxes are to trust from now on; may be given more than once." required:"" type:"existingfile"`
	Threshold int      `help:"How many of the new ones must sign." default:"1"`
	Out       string   `help:"The file that is written." required:"" type:"path"`
}

// Run makes the root.json that follows.
func (c rotateCmd) Run(world) error {
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
	return os.WriteFile(c.Out, root, 0o644)
}

// rootFiles are the lists of keys, the oldest first.
type rootFiles struct {
	Root []string `help:"root.json, from the first one to the newest; may be given more than once." required:"" type:"existingfile"`
}

func (r rootFiles) read() (list [][]byte, err error) {
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
	Board   string `help:"The board that it is for." required:""`
	Version string `help:"For people: MAJOR.MINOR.PATCH." required:""`
	Build   int    `help:"Rises with each release." required:""`
	Options string `help:"Options of the kernel."`
	Notes   string `help:"What is new, for people."`
	Boot    string `help:"The kernel (pc) or the file system of the boot partition (pi)." required:"" type:"existingfile"`
	System  string `help:"The root file system." required:"" type:"existingfile"`
	Out     string `help:"The bundle." required:"" type:"path"`
}

// Run makes a bundle.
func (c makeCmd) Run(world) (err error) {
	roots, err := c.read()
	if err != nil {
		return err
	}
	return create(c.Out, func(w io.Writer) error {
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
		return bundle.Write(w, m, []bundle.Source{{Part: "boot", Data: boot}, {Part: "root", Data: system}}, bundle.Signer{Roots: roots}, work)
	})
}

// create writes a file that appears as a whole.
func create(name string, write func(io.Writer) error) error {
	f, err := os.Create(name + ".part")
	if err != nil {
		return err
	}
	if err := errors.Join(write(f), f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return os.Rename(f.Name(), name)
}

type channelCmd struct {
	rootFiles
	Board   string `help:"The board that it is for." required:""`
	Version string `help:"The version that boxes are to have." required:""`
	Build   int    `help:"Its build number." required:""`
	URL     string `help:"Where the bundle is; may be relative to the channel's own address." required:""`
	Percent int    `help:"How many of the boxes take part by now." default:"100"`
	Notes   string `help:"For people."`
	Out     string `help:"The channel file." required:"" type:"path"`
}

// Run makes a channel file.
func (c channelCmd) Run(world) error {
	roots, err := c.read()
	if err != nil {
		return err
	}
	return create(c.Out, func(w io.Writer) error {
		ch := bundle.Channel{Board: c.Board, Version: c.Version, Build: c.Build, URL: c.URL, Percent: c.Percent, Notes: c.Notes}
		return bundle.WriteChannel(w, ch, bundle.Signer{Roots: roots})
	})
}

type signCmd struct {
	Key  []string `help:"A key; may be given more than once." required:"" type:"existingfile"`
	File string   `arg:"" help:"The bundle or channel file. It is replaced." type:"existingfile"`
}

// Run adds signatures.
func (c signCmd) Run(world) error {
	keys, err := readKeys(c.Key)
	if err != nil {
		return err
	}
	in, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	return create(c.File, func(w io.Writer) error { return bundle.Sign(w, in, keys) })
}

type verifyCmd struct {
	Root string `help:"root.json that a box has." required:"" type:"existingfile"`
	File string `arg:"" help:"The bundle." type:"existingfile"`
}

// Run checks a bundle.
func (c verifyCmd) Run(w world) error {
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
	for _, p := range h.Places() {
		packed := make([]byte, p.Packed)
		if _, err := io.ReadFull(f, packed); err != nil {
			return fmt.Errorf("the file ends too early: %w", err)
		}
		if _, err := bundle.Unpack(p.Chunk, packed); err != nil {
			return err
		}
	}
	say(w.stdout, "good: %s %s, build %d, %d bytes\n", h.Board, h.Version, h.Build, h.DataAt+h.DataSize())
	return nil
}

type applyCmd struct {
	folderFlags
	When string `help:"When to install it: now, idle (when no lesson is open) or night." enum:"now,idle,night" default:"idle"`
	File string `arg:"" help:"The bundle." type:"existingfile"`
}

// Run gives a bundle to the running box.
func (c applyCmd) Run(w world) error {
	f, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if err := firmware.ApplyUpdate(c.Data, f, c.When); err != nil {
		return err
	}
	say(w.stdout, "received; it is installed: %s\n", c.When)
	return nil
}
