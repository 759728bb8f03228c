// Program sick is a version of the appliance whose first process works and whose box ends after
// each start.
package main

import (
	"fmt"
	"os"

	"github.com/livelearn/box/firmware/appliance"
)

func main() {
	if os.Getpid() == 1 {
		appliance.New(appliance.Config{Program: "/livelearn", Version: "sick"}).Run()
	}
	fmt.Fprintln(os.Stderr, "sick: this version ends each time")
	os.Exit(1)
}
