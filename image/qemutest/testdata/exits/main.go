// Program exits is a version of the appliance that ends as soon as it starts: the kernel,
// whose first process it is, panics.
package main

import "fmt"

func main() { fmt.Println("exits: this version ends at once") }
