package scenario

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/livelearn/box/firmware/boxtest"
	"github.com/livelearn/box/services/timetest"
)

// TestALiveUpdateToTheOtherSlotIsKept lets the program of slot B take the place of that of slot A on an
// installed system. The service manager learns of the new process, and the slot is kept once the box
// was healthy for a while.
func TestALiveUpdateToTheOtherSlotIsKept(t *testing.T) {
	if testing.Short() {
		t.Skip("a slot is kept after 10 s")
	}
	programs, dir := t.TempDir(), t.TempDir()
	for _, slot := range []string{"a", "b"} {
		if err := os.Mkdir(filepath.Join(programs, slot), 0o700); err != nil {
			t.Fatal(err)
		}
		run(t, "cp", boxtest.BuildProgram(t), filepath.Join(programs, slot, "livelearn"))
	}
	usual := filepath.Join(programs, "default")
	if err := os.WriteFile(usual, []byte("a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram", Name: filepath.Join(programs, "notify")})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	for name, value := range map[string]string{"LIVELEARN_SLOT": "a", "LIVELEARN_PROGRAMS": programs, "NOTIFY_SOCKET": manager.LocalAddr().String()} {
		t.Setenv(name, value)
	}
	box := boxtest.Start(t, dir)
	if err := box.ReplaceProgram(filepath.Join(programs, "b", "livelearn"), time.Minute); err != nil {
		t.Fatal(err, box.ReadLog())
	}
	awaitState(t, manager, fmt.Sprintf("MAINPID=%d", box.PID()))
	timetest.WaitUntil(t, "slot b to be kept", func() bool {
		slot, err := os.ReadFile(usual)
		return err == nil && strings.TrimSpace(string(slot)) == "b"
	})
}

// awaitState reads what a service tells its manager up to a state (sd_notify(3)).
func awaitState(t *testing.T, manager *net.UnixConn, want string) {
	t.Helper()
	if err := manager.SetReadDeadline(time.Now().Add(timetest.Patience)); err != nil {
		t.Fatal(err)
	}
	for buf := make([]byte, 4<<10); ; {
		n, err := manager.Read(buf)
		if err != nil {
			t.Fatalf("waiting for %s: %v", want, err)
		}
		if string(buf[:n]) == want {
			return
		}
	}
}
