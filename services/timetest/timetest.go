// Package timetest serves tests that run on the real clock: those of processes, sockets and disks.
// Other tests use testing/synctest.
//
// A test must pass on a machine that other programs keep busy, so it asserts no real time. It waits
// for a condition (WaitUntil), and a time that matters is a budget (CheckBudget), which counts only
// on an idle machine.
package timetest

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// Patience is the longest wait of a test for something that takes milliseconds on an idle machine.
// It ends a test that would wait forever, and is no promise.
const Patience = 2 * time.Minute

// WaitUntil polls until ok returns true and returns the time that this took. After Patience the test
// fails.
func WaitUntil(t testing.TB, what string, ok func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	for !ok() {
		if time.Since(began) > Patience {
			t.Fatalf("waited %v in vain for %s", Patience, what)
		}
		// A process, a socket or a disk does its work. The test looks often at first.
		time.Sleep(min(2*time.Millisecond+time.Since(began)/20, 100*time.Millisecond))
	}
	return time.Since(began)
}

// IsBusy reports whether other programs want the processors too. The kernel of a busy machine drops
// datagrams that a test does not read in time.
func IsBusy() bool { return readPressure() > mostPressure }

// CheckBudget fails the test if something took longer than its budget on an idle machine. On a busy
// one it only logs.
func CheckBudget(t testing.TB, what string, took, budget time.Duration) {
	t.Helper()
	checkBudget(t, what, took, budget, readPressure())
}

// mostPressure is the share of time, in percent, in which programs may wait for a processor on a
// machine that counts as idle.
const mostPressure = 20

func checkBudget(t testing.TB, what string, took, budget time.Duration, pressure float64) {
	t.Helper()
	switch {
	case took <= budget:
		t.Logf("%s took %v of %v", what, took, budget)
	case pressure > mostPressure:
		t.Logf("%s took %v of %v, which does not count: programs waited for a processor in %.0f %% of the time", what, took, budget, pressure)
	default:
		t.Errorf("%s took %v of %v", what, took, budget)
	}
}

// readPressure returns the share of the last ten seconds, in percent, in which a program waited for
// a processor. A kernel without this figure counts as busy.
func readPressure() float64 {
	text, err := os.ReadFile("/proc/pressure/cpu")
	if err != nil {
		return 100
	}
	return parsePressure(string(text))
}

func parsePressure(text string) float64 {
	for line := range strings.Lines(text) {
		var share float64
		if _, err := fmt.Sscanf(line, "some avg10=%f", &share); err == nil {
			return share
		}
	}
	return 100
}
