package peer_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// yard is two hosts on one machine, as in the method that the figures of peers were taken
// with: the server in a network namespace of its own on core 0, who loads it outside on
// core 1, a veth between, receive work steered to core 1, and no segmentation in the server's
// "card", so that bursts are cut in software before the wire, as on a small board.
type yard struct {
	b              *testing.B
	name           string
	inside, beside string // addresses of the server and of the load
}

func newYard(b *testing.B) *yard {
	b.Helper()
	if os.Geteuid() != 0 {
		b.Skip("needs root, for a network namespace")
	}
	y := &yard{b: b, name: fmt.Sprintf("llm%d", os.Getpid()), inside: "10.213.7.1", beside: "10.213.7.2"}
	in, out := y.name+"a", y.name+"b"
	y.must("ip", "netns", "add", y.name)
	b.Cleanup(func() { y.must("ip", "netns", "del", y.name) })
	y.must("ip", "link", "add", in, "netns", y.name, "type", "veth", "peer", "name", out)
	y.must("ip", "addr", "add", y.beside+"/24", "dev", out)
	y.must("ip", "link", "set", out, "up")
	y.within("ip", "addr", "add", y.inside+"/24", "dev", in)
	y.within("ip", "link", "set", in, "up")
	y.within("ip", "link", "set", "lo", "up")
	y.within("ethtool", "-K", in, "tx-udp-segmentation", "off")
	_ = os.WriteFile("/sys/class/net/"+out+"/queues/rx-0/rps_cpus", []byte("2"), 0)
	pin(b, 0, 1)
	return y
}

func (y *yard) must(name string, args ...string) {
	y.b.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil { //nolint:gosec // our own words
		y.b.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
}

func (y *yard) within(args ...string) {
	y.b.Helper()
	y.must("ip", append([]string{"netns", "exec", y.name}, args...)...)
}

// start runs this test program as a server in the namespace, on core 0.
func (y *yard) start(role string, more ...string) (*exec.Cmd, net.Conn) {
	y.b.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		y.b.Fatal(err)
	}
	theirs, ours := os.NewFile(uintptr(pair[0]), "theirs"), os.NewFile(uintptr(pair[1]), "ours")
	cmd := exec.Command("ip", "netns", "exec", y.name, "taskset", "-c", "0", os.Args[0]) //nolint:gosec // ourselves
	cmd.Env = append(append(os.Environ(), roleEnv+"="+role, "GOMAXPROCS=1"), more...)
	cmd.ExtraFiles, cmd.Stderr = []*os.File{theirs}, os.Stderr
	if err := cmd.Start(); err != nil {
		y.b.Fatal(err)
	}
	_ = theirs.Close()
	conn, err := net.FileConn(ours)
	_ = ours.Close()
	if err != nil {
		y.b.Fatal(err)
	}
	y.b.Cleanup(func() { _ = conn.Close(); _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd, conn
}

// pin keeps a process, 0 is this one, on one core.
func pin(b *testing.B, pid, core int) {
	b.Helper()
	if runtime.NumCPU() < 2 {
		b.Skip("needs two cores")
	}
	out, err := exec.Command("taskset", "-a", "-c", "-p", strconv.Itoa(core), strconv.Itoa(cmpOr(pid, os.Getpid()))).CombinedOutput() //nolint:gosec // our own words
	if err != nil {
		b.Fatalf("taskset: %v: %s", err, out)
	}
}

func cmpOr(a, b int) int {
	if a != 0 {
		return a
	}
	return b
}

// used is the CPU time of a process, and its resident memory in bytes.
func used(b *testing.B, pid int) (time.Duration, int) {
	b.Helper()
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		b.Fatal(err)
	}
	f := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+2:]))
	u, _ := strconv.Atoi(f[11])
	s, _ := strconv.Atoi(f[12])
	pages, _ := strconv.Atoi(f[21])
	return time.Duration(u+s) * 10 * time.Millisecond, pages * os.Getpagesize()
}

const roleEnv = "LIVELEARN_BENCH_ROLE"

// floor is what the same packets cost with nothing around them: sealed and sent from
// prebuilt buffers by the same calls, as often as in seconds of a lesson, flat out.
type floor struct {
	Packets int           `json:"packets"`
	CPU     time.Duration `json:"cpu"`
}

func runFloor(conn net.Conn) error {
	f, err := measureFloor(context.Background(), os.Getenv("LIVELEARN_BENCH_TO"))
	if err != nil {
		return err
	}
	return json.NewEncoder(conn).Encode(f)
}
