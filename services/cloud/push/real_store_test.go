package push_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/livelearn/box/services/timetest"
)

// startLearningLocker runs Learning Locker's statement service in memory. It returns its xAPI address.
func startLearningLocker(t *testing.T) string {
	t.Helper()
	if _, err := os.Stat("testdata/recordstore/node_modules/xapi-statements"); err != nil {
		t.Skip("there is no learning record store; run: npm --prefix services/cloud/push/testdata/recordstore ci --ignore-scripts")
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("there is no Node; install the Debian package nodejs")
	}
	cmd := exec.Command(node, "--no-deprecation", "testdata/recordstore/serve.js", storeKey+":"+storeSecret, t.TempDir())
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe() // the service ends with it
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stdin.Close(); _ = cmd.Wait() })
	port, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal("the store does not start: ", err)
	}
	return "http://127.0.0.1:" + strings.TrimSpace(port) + "/xAPI"
}

// readStore asks a record store for statements.
func readStore(t *testing.T, address string, query url.Values, out any) (status int) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+"/statements?"+query.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Experience-API-Version", "1.0.3")
	req.SetBasicAuth(storeKey, storeSecret)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode
}

// TestALearningRecordStoreTakesThePush pushes to Learning Locker's statement service. A lesson that is
// graded again replaces its statements there: the store itself voids the old ones.
func TestALearningRecordStoreTakesThePush(t *testing.T) {
	r, address := newRig(t), startLearningLocker(t)
	type kept struct{ ID, Version string }
	list := func() (ids, voids []string) {
		var page struct{ Statements []kept }
		readStore(t, address, url.Values{"limit": {"100"}}, &page)
		for _, s := range page.Statements {
			ids = append(ids, s.ID)
		}
		page.Statements = nil
		readStore(t, address, url.Values{"limit": {"100"}, "verb": {"http://adlnet.gov/expapi/verbs/voided"}}, &page)
		for _, s := range page.Statements {
			voids = append(voids, s.ID)
		}
		slices.Sort(ids)
		return ids, voids
	}
	r.grade("l_1", 1)
	r.grade("l_2", 1)
	r.pushTo(address)
	r.startNodes()
	first := r.wantedIDs()
	timetest.WaitUntil(t, "the statements of two lessons", func() bool { ids, _ := list(); return slices.Equal(ids, first) })
	r.grade("l_1", 0.5)
	second := slices.DeleteFunc(r.wantedIDs(), func(id string) bool { return slices.Contains(first, id) })
	gone := slices.DeleteFunc(slices.Clone(first), func(id string) bool { return slices.Contains(r.wantedIDs(), id) })
	r.lookAgain()
	timetest.WaitUntil(t, "the new grades and the voids", func() bool { _, voids := list(); return len(voids) == 6 })
	timetest.WaitUntil(t, "the end of the run", func() bool { return r.state().Sent == 24 })
	if got := r.state(); got.Refused != 0 || got.Failures != 0 {
		t.Errorf("got %+v", got)
	}
	ids, _ := list()
	if len(second) == 0 || len(gone) == 0 {
		t.Fatalf("%d statements are new and %d are gone", len(second), len(gone))
	}
	for _, id := range second {
		if !slices.Contains(ids, id) {
			t.Errorf("the store has no statement %s", id)
		}
	}
	for _, id := range gone {
		var s kept
		if slices.Contains(ids, id) {
			t.Errorf("the store shows the old statement %s", id)
		} else if status := readStore(t, address, url.Values{"voidedStatementId": {id}}, &s); status != 200 || s.ID != id {
			t.Errorf("the store has not voided %s: %d", id, status)
		}
	}
}
