package supervise

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// playRole runs a program of the Process tests. The test binary starts itself as one.
func playRole(role string) int {
	switch role {
	case "serve": // ready, then ends when asked
		asked := make(chan os.Signal, 1)
		signal.Notify(asked, syscall.SIGTERM)
		if err := NotifyReady(); err != nil {
			return 9
		}
		<-asked
		return 0
	case "deaf": // ready, and ignores SIGTERM
		signal.Ignore(syscall.SIGTERM)
		_ = NotifyReady()
		time.Sleep(time.Hour) // until it is ended
	case "mute": // never ready
		time.Sleep(time.Hour) // until it is ended
	case "panic":
		_ = NotifyReady()
		time.Sleep(20 * time.Millisecond) // the supervisor learns that it is ready
		panic("a library's own goroutine")
	case "early":
		return 3
	case "eat": // allocates until it is stopped
		_ = NotifyReady()
		var all [][]byte
		for range 1024 {
			b := make([]byte, 4<<20)
			for i := 0; i < len(b); i += 4096 {
				b[i] = 1
			}
			all = append(all, b)
		}
		return len(all) % 2
	case "nice":
		nice, _ := unix.Getpriority(unix.PRIO_PROCESS, 0)
		fmt.Fprintf(os.Stderr, "nice %d", 20-nice) // the raw system call returns 20-nice
		return 1
	case "escape": // as parent, and the grandchild leaves the process group
		c := selfCommand("deaf")
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := c.Start(); err != nil {
			return 8
		}
		fmt.Fprintf(os.Stderr, "%d", c.Process.Pid)
		return 1
	case "parent": // leaves a grandchild behind, says its number, and ends badly
		c := selfCommand("deaf")
		if err := c.Start(); err != nil {
			return 8
		}
		fmt.Fprintf(os.Stderr, "%d", c.Process.Pid)
		return 1
	case "box": // a box with one program. One kill -9 should end both
		sup := New(Spec{Name: "box", Children: []Child{Process("deaf", func(context.Context) *exec.Cmd {
			return selfCommand("deaf")
		}, ProcessOpts{Notify: true, Ready: func(_ context.Context, p *os.Process) error {
			return os.WriteFile(os.Getenv("SUPERVISE_TEST_FILE"), []byte(strconv.Itoa(p.Pid)), 0o600)
		}})}})
		_ = sup.Serve(context.Background())
	}
	return 0
}

// selfCommand is the test binary in another role.
func selfCommand(role string) *exec.Cmd {
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "SUPERVISE_TEST_ROLE="+role)
	return c
}
