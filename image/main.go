// Program image builds a bootable image for a board, and the bundle that updates a running box to
// the same system.
//
//	go run ./image build --board pc --out build/image
//	go run ./image deb --arch amd64 --out build/image
//	go run ./image check build/image/livelearn-pc-0.1.0.img
//	go run ./image lock
//
// It needs no root rights and no program except go. The module github.com/diskfs/go-diskfs writes
// the partitions and file systems, the kernels are Go modules (modules.mod), and the programs and
// firmware of the Wi-Fi come from Debian packages (packages.go). The same source gives the same bytes.
package main

import (
	"context"
	"os"
	"os/signal"

	"github.com/alecthomas/kong"
)

type cli struct {
	Build buildCmd `cmd:"" help:"Build the image and the update bundle of a board."`
	Deb   debCmd   `cmd:"" help:"Build the Debian package, for Debian, Ubuntu and Raspberry Pi OS."`
	Check checkCmd `cmd:"" help:"Check an image."`
	Lock  lockCmd  `cmd:"" help:"Take the newest Debian packages: writes image/packages.lock."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var c cli
	k := kong.Parse(&c, kong.Name("image"), kong.Description("Builds bootable images."), kong.BindTo(ctx, (*context.Context)(nil)))
	k.FatalIfErrorf(k.Run())
}
