package scenario

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/livelearn/box/firmware/boxtest"
	"github.com/livelearn/box/services/timetest"
)

// family are the processes that a process has started, by their command lines.
func family(pid int) map[int]string {
	list := map[int]string{}
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid)) // a thread that has just ended has none
	for _, file := range files {
		text, _ := os.ReadFile(file)
		for child := range strings.FieldsSeq(string(text)) {
			n, _ := strconv.Atoi(child)
			line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", n))
			list[n] = strings.ReplaceAll(string(line), "\x00", " ")
		}
	}
	return list
}

func score(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid))
	if err != nil {
		return -1 // it has ended
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// send uploads a file as the person; the answer's status is 0 when there was none.
func send(p *boxtest.Person, path string, data []byte) int {
	req, err := http.NewRequest(http.MethodPost, "http://"+p.Box.HTTP+path, bytes.NewReader(data))
	if err != nil {
		return 0
	}
	req.Header.Set("Cookie", p.Cookie)
	req.Header.Set("Content-Type", "application/octet-stream")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

const pdf = "%PDF-1.4\n1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n2 0 obj\n<</Type/Pages/Count 1/Kids[3 0 R]>>\nendobj\n" +
	"3 0 obj\n<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]>>\nendobj\ntrailer\n<</Root 1 0 R>>\n"

func TestTheKernelKillsWorkersFirstAndTheCoreLast(t *testing.T) {
	b := boxtest.Start(t, t.TempDir())
	ada := b.ClaimBox("Ada")
	core := score(t, b.PID())
	if status := send(ada, "/api/decks?title=Deck", []byte(pdf)); status != http.StatusOK {
		t.Fatalf("the deck: %d", status)
	}
	var scores map[string]int
	timetest.WaitUntil(t, "processes and roles", func() bool {
		scores = map[string]int{}
		for pid, line := range family(b.PID()) {
			switch n := score(t, pid); {
			case strings.Contains(line, " task "):
				scores["worker"] = max(n, scores["worker"])
			case strings.Contains(line, " media ") && n < core+600:
				scores["in charge"] = n
			case strings.Contains(line, " media "):
				scores["standby"] = n
			}
		}
		return len(scores) == 3 && scores["worker"] > scores["standby"]
	})
	if scores["standby"] <= scores["in charge"] || scores["in charge"] <= core {
		t.Errorf("the core has %d, the others %v", core, scores)
	}
}

// memoryGroup makes a control group with so many bytes of memory and gives its folder.
func memoryGroup(t *testing.T, bytes int64) string {
	t.Helper()
	self, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Skip(err)
	}
	for line := range strings.Lines(string(self)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		root, limit := "/sys/fs/cgroup", "memory.max"
		if parts[1] == "memory" {
			root, limit = "/sys/fs/cgroup/memory", "memory.limit_in_bytes"
		} else if parts[1] != "" {
			continue
		}
		dir := filepath.Join(root, parts[2], fmt.Sprintf("livelearn-test-%d", rand.Uint64()))
		if os.Mkdir(dir, 0o700) != nil {
			continue
		}
		t.Cleanup(func() {
			// a process leaves the group a little after its end
			timetest.WaitUntil(t, "an empty "+dir, func() bool { return os.Remove(dir) == nil })
		})
		if os.WriteFile(filepath.Join(dir, limit), []byte(strconv.FormatInt(bytes, 10)), 0) == nil {
			return dir
		}
	}
	t.Skip("no control group of memory can be made here: run as root where /sys/fs/cgroup can be written")
	return ""
}

// In a small machine a PDF of no size and a list of 8 MB at once take more than there is. The
// kernel may kill a second process while the first still gives its memory back: that is a
// media node, which comes back by itself, and never the core.
func TestOutOfMemoryTakesTheWorkerAndNotTheCore(t *testing.T) {
	group := memoryGroup(t, 320<<20)
	b := boxtest.Start(t, t.TempDir())
	ada := b.ClaimBox("Ada")
	for pid := range family(b.PID()) {
		enter(t, group, pid)
	}
	enter(t, group, b.PID())
	list := make(chan int, 1)
	go func() { list <- send(ada, "/api/intake?name=a.csv&dry=true", bytes.Repeat([]byte("a,"), 4<<20)) }()
	if status := send(ada, "/api/decks?title=Deck", []byte(pdf)); status != http.StatusOK {
		t.Fatalf("the deck: %d", status)
	}
	if status := <-list; status != http.StatusBadRequest {
		t.Errorf("the list: %d, want to be refused", status)
	}
	for n := 0; killed(group) == 0 || !strings.Contains(b.ReadLog(), `"kind":"slides","try":1`); n++ {
		if n == 30_000 {
			t.Fatalf("no worker was killed:\n%s", b.ReadLog())
		}
		for pid, line := range family(b.PID()) {
			if strings.Contains(line, " task ") {
				hurry(pid)
			}
		}
		time.Sleep(10 * time.Millisecond) // PDFium is made machine code
	}
	if score(t, b.PID()) < 0 {
		t.Fatalf("the core is gone:\n%s", b.ReadLog())
	}
	var decks []struct{ ID string }
	if _, err := ada.CallAPI("GET", "/api/decks", nil, &decks); err != nil || len(decks) == 0 {
		t.Errorf("%v %v", decks, err)
	}
}

func enter(t *testing.T, group string, pid int) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(group, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0); err != nil {
		t.Skip(err)
	}
}

// hurry gives each thread of a worker the usual priority, so that it arrives at its limit of memory
// on a machine that is busy with something else. A process without the right to do so waits longer.
func hurry(pid int) {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid)) // a worker that has just ended has none
	for _, thread := range threads {
		if id, err := strconv.Atoi(filepath.Base(thread)); err == nil {
			_ = unix.Setpriority(unix.PRIO_PROCESS, id, 0)
		}
	}
}

// killed is how many processes the kernel has killed in a group for its memory.
func killed(group string) int {
	for _, file := range []string{"memory.events", "memory.oom_control"} {
		text, _ := os.ReadFile(filepath.Join(group, file))
		if _, n, ok := strings.Cut(string(text), "oom_kill "); ok {
			count, _ := strconv.Atoi(strings.Fields(n)[0])
			return count
		}
	}
	return 0
}
