// Program compile rasterises one file, for the code that it leaves in the cache: compile IN OUT CACHE.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/livelearn/box/services/slides"
)

func main() {
	if _, err := slides.Rasterise(context.Background(), slides.Spec{In: os.Args[1], Out: os.Args[2], Cache: os.Args[3]}, nil); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
