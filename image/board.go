package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// board is one kind of machine with an image.
type board struct {
	name      string
	arch      string // GOARCH
	kernel    string // Go module of its kernel
	console   string // console of the kernel
	writeDisk func(*build) error
}

var boards = map[string]board{
	"pc":   {"pc", "amd64", "github.com/gokrazy/kernel.amd64", "console=tty0 console=ttyS0,115200", (*build).writeEFI},
	"pi":   {"pi", "arm64", "github.com/gokrazy/kernel.rpi", "console=tty1", (*build).writePi},
	"virt": {"virt", "arm64", "github.com/gokrazy/kernel.arm64", "console=ttyAMA0,115200", (*build).writeEFI},
}

const mega = 1 << 20

// Sizes of partitions, in bytes. The root file system is about 20 MB now, so a slot leaves room for
// years of growth.
const (
	espSize  = 256 * mega
	rootSize = 256 * mega
	dataSize = 64 * mega // the first start grows it to the end of the disk
)

// kernelOptions returns the kernel options of LiveLearn without those of the slot. They are part of
// a bundle.
func (b board) kernelOptions() string { return "quiet panic=5 oops=panic " + b.console }

// partitionID returns the id of a partition of the image, or of the disk for an empty name. The same
// source gives the same ids, so all cards of a release share them until their first start. They are
// UUIDs of version 8 (RFC 9562), by which the first start knows them (firmware/appliance/disk).
func (b *build) partitionID(name string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "livelearn %s %s %d %s", b.board.name, b.Version, b.Date, name))
	sum[6] = sum[6]&0x0f | 0x80
	sum[8] = sum[8]&0x3f | 0x80
	return strings.ToUpper(fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16]))
}

// moduleDir returns the folder of a module of modules.mod. It downloads the module if necessary and
// checks it against modules.sum.
func moduleDir(ctx context.Context, root, path string) (string, error) {
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
