package supervise

// growStack gives a new goroutine the stack for its work in one step. Otherwise its stack of 2 KiB doubles a
// few times in the depth of the work, and the runtime then adjusts each frame on it. It was a quarter of
// the instructions of a chat message.
//
//go:noinline
func growStack(at int) byte {
	var frame [6 << 10]byte // with what lies on the stack already, less than 8 KiB
	frame[at] = 1
	return frame[at/2]
}
