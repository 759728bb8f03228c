// Program sick is a version of the appliance whose first process is well, and whose box ends
// each time that it is started.
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
