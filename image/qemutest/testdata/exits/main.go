// Program exits is a version of the appliance that ends at its start. It is the first process, so
// the kernel panics.
package main

import "fmt"

func main() { fmt.Println("exits: this version ends at once") }
