module github.com/livelearn/box

go 1.26.0

// The parts of an image that are not our program: kernels and the firmware of Raspberry Pis.
// They are files in Go modules. go.mod does not list them, because it lists the modules of the
// program only.
require (
	github.com/gokrazy/firmware v0.0.0-20260522070551-527ce0ed43cf
	github.com/gokrazy/kernel.amd64 v0.0.0-20260705070735-de680abf072b
	github.com/gokrazy/kernel.arm64 v0.0.0-20260705071517-37841c4d6ff1
	github.com/gokrazy/kernel.rpi v0.0.0-20251127164438-9778ec0261de
)
