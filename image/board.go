package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// board is one kind of machine that an image is for.
type board struct {
	name    string
	arch    string // GOARCH
	kernel  string // the module of its kernel
	console string // where the kernel speaks
	layout  func(*build) error
}

var boards = map[string]board{
	"pc":   {"pc", "amd64", "github.com/gokrazy/kernel.amd64", "console=tty0 console=ttyS0,115200", (*build).efi},
	"pi":   {"pi", "arm64", "github.com/gokrazy/kernel.rpi", "console=tty1", (*build).pi},
	"virt": {"virt", "arm64", "github.com/gokrazy/kernel.arm64", "console=ttyAMA0,115200", (*build).efi},
}

const mega = 1 << 20

// Sizes of partitions, in bytes. A slot leaves room for years of growth: the root file system
// is about 20 MB now.
const (
	espSize  = 256 * mega
	rootSize = 256 * mega
	dataSize = 64 * mega // grown on the first start to what the disk has
)

// options are what a kernel of ours is told, beside where its slot is. They are part of a
// bundle.
func (b board) options() string { return "quiet panic=5 oops=panic " + b.console }

// Partitions have the same identity in each image: the same source gives the same bytes.
const (
	diskGUID = "6C6C626F-7800-4000-8000-000000000000"
	bootGUID = "6C6C626F-7800-4000-8000-000000000001"
	dataGUID = "6C6C626F-7800-4000-8000-0000000000DA"
)

var bootSlotGUID = map[string]string{
	"a": "6C6C626F-7800-4000-8000-0000000000BA",
	"b": "6C6C626F-7800-4000-8000-0000000000BB",
}

var rootGUID = map[string]string{
	"a": "6C6C626F-7800-4000-8000-00000000000A",
	"b": "6C6C626F-7800-4000-8000-00000000000B",
}

// module is the folder of a module of modules.mod, downloaded if need be and checked
// against modules.sum.
func module(ctx context.Context, root, path string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", "-modfile="+filepath.Join("image", "modules.mod"), path)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOFLAGS=")
	out, err := cmd.Output()
	var got struct{ Dir, Error string }
	if bad := json.Unmarshal(out, &got); bad != nil || got.Error != "" || got.Dir == "" {
		return "", fmt.Errorf("module %s: %s %w", path, got.Error, err)
	}
	return got.Dir, nil
}
