// Program image will build what you flash: a bootable image for a board, and the signed
// bundle of an update. This release has no image yet; the program says so and fails.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "image: this release builds no bootable image yet; run the program itself with ./scripts/run")
	os.Exit(2)
}
