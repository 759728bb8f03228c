package scenario

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/livelearn/box/firmware"
	"github.com/livelearn/box/firmware/boxtest"
	"github.com/livelearn/box/firmware/handover"
	"github.com/livelearn/box/services/timetest"
	"github.com/livelearn/box/services/wire/wiretest"
)

// liveUpdates is how often a program takes the place of another. Every second one fails.
//
//	go test ./firmware/scenario -run LiveUpdate -v -live-updates 20
var liveUpdates = flag.Int("live-updates", 3, "programs that take the place of another in one lesson")

// envFault makes this test binary a new program with a fault.
const envFault = "LIVELEARN_TEST_FAULT"

func TestMain(m *testing.M) {
	if fault := os.Getenv(envFault); fault != "" {
		failToTakeOver(fault)
		os.Exit(3)
	}
	os.Exit(m.Run())
}

// faults are the new programs that fail, in the order in which the tests use them.
var faults = []string{"crashes with the sockets", "hangs", "opens the databases and crashes", "fails its check", "ends at once"}

// crashesAfterGo is the fault of a program that may have read from the sockets.
const crashesAfterGo = "crashes after go"

// failToTakeOver is a new program with a fault.
func failToTakeOver(fault string) {
	old, err := handover.Inherit()
	if err != nil || old == nil || fault == "ends at once" {
		return
	}
	if _, err := old.Prepare("faulty", firmware.DataFormat); err != nil {
		return
	}
	switch fault {
	case "hangs":
		time.Sleep(time.Hour) // it is killed
	case "opens the databases and crashes":
		dir := os.Args[slices.Index(os.Args, "--data")+1]
		if _, err := firmware.New(firmware.Config{Data: dir}, firmware.Parts{Pages: os.DirFS(dir)}); err != nil {
			fmt.Fprintln(os.Stderr, "the databases are not there:", err)
		}
	case crashesAfterGo:
		_ = old.Pass()
	case "fails its check":
		_ = old.Fail(fmt.Errorf("the check failed"))
	}
}

// faultyProgram makes a program with a fault.
func faultyProgram(t *testing.T, fault string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf("#!/bin/sh\n%s='%s' exec '%s' \"$@\"\n", envFault, fault, self)
	file := filepath.Join(t.TempDir(), "livelearn")
	if err := os.WriteFile(file, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return file
}

// steadyWriter is a person who writes on and on over one connection.
type steadyWriter struct {
	*chatWriter
	slowest time.Duration // of the answers
	fault   error
}

func (w *steadyWriter) run(stop *atomic.Bool) {
	for !stop.Load() && w.fault == nil {
		w.sent++
		began := time.Now()
		_, w.fault = w.SendCommand(wiretest.Command{
			ID: fmt.Sprint(w.name, "-", w.sent), Name: "chat.say",
			Payload: map[string]any{"text": fmt.Sprint(w.name, " ", w.sent), "to": "teacher"},
		})
		w.slowest = max(w.slowest, time.Since(began))
		time.Sleep(200 * time.Millisecond) // below the rate limit
	}
}

// TestALiveUpdateClosesNoSocketAndLosesNoAnswer lets programs take the place of the running one while a
// class writes. Every second one fails.
func TestALiveUpdateClosesNoSocketAndLosesNoAnswer(t *testing.T) {
	dir := t.TempDir()
	box := boxtest.Start(t, dir)
	ada := box.ClaimBox("Ada")
	lesson := ada.OpenLesson(ada.AddClass("7B", pupils), "Planets")
	people := []*steadyWriter{{chatWriter: &chatWriter{Member: ada.NewMember(lesson.Room), name: ada.User}}}
	for _, n := range lesson.Names {
		people = append(people, &steadyWriter{chatWriter: &chatWriter{Member: box.JoinLesson(lesson, n.ID).NewMember(lesson.Room), name: n.ID}})
	}
	var stop atomic.Bool
	var writing sync.WaitGroup
	for _, p := range people {
		if _, err := p.Connect(); err != nil {
			t.Fatal(err)
		}
		writing.Go(func() { p.run(&stop) })
	}
	for i := range *liveUpdates {
		replaceOnce(t, box, i)
		if _, err := ada.CallAPI("GET", "/api/classes", nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	stop.Store(true)
	writing.Wait()
	checkSteady(t, people)
	box.Stop()
	list := []*chatWriter{}
	for _, p := range people {
		list = append(list, p.chatWriter)
	}
	checkJournal(t, dir, lesson.Room, list)
}

// replaceOnce lets a program take over. Every second one has a fault, and the one before continues.
func replaceOnce(t *testing.T, box *boxtest.Box, i int) {
	t.Helper()
	before := box.PID()
	if i%2 == 0 {
		if err := box.ReplaceProgram(box.Program(), time.Minute); err != nil {
			t.Fatalf("the new program does not take over: %v\n%s", err, box.ReadLog())
		}
		if box.PID() == before {
			t.Error("the process is the same")
		}
		return
	}
	fault := faults[i/2%len(faults)]
	err := box.ReplaceProgram(faultyProgram(t, fault), 500*time.Millisecond)
	if err == nil || box.PID() != before {
		t.Fatalf("a program that %s has taken over", fault)
	}
	t.Logf("a program that %s: %v", fault, err)
}

// checkSteady checks that each person kept the one connection and got each answer.
func checkSteady(t *testing.T, people []*steadyWriter) {
	t.Helper()
	slowest, sent := time.Duration(0), 0
	for _, p := range people {
		select {
		case <-p.CurrentConn().Done():
			code, why := p.CurrentConn().CloseReason()
			t.Errorf("the socket of %s was closed: %d %s", p.name, code, why)
		default:
		}
		if p.fault != nil || p.PhxCount("phx_error")+p.PhxCount("phx_close") > 0 || len(p.Faults()) > 0 {
			t.Errorf("%s: %v, %d phx_error, %d phx_close, %s", p.name, p.fault, p.PhxCount("phx_error"), p.PhxCount("phx_close"), strings.Join(p.Faults(), "; "))
		}
		if n := len(p.AckedBodies()); n != p.sent {
			t.Errorf("%s sent %d and got %d answers", p.name, p.sent, n)
		}
		if n := len(p.PresentCounts()); n != len(people) {
			t.Errorf("%s sees %d people, want %d", p.name, n, len(people))
		}
		slowest, sent = max(slowest, p.slowest), sent+p.sent
	}
	t.Logf("%d people, %d commands, the slowest answer came after %v", len(people), sent, slowest)
}

// TestAProgramThatCrashesAfterGoCostsTheSocketsAndNothingElse lets a new program crash when it may have
// read from the sockets. The one before closes them, and their clients come back and resume.
func TestAProgramThatCrashesAfterGoCostsTheSocketsAndNothingElse(t *testing.T) {
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	lesson := ada.OpenLesson(ada.AddClass("7B", 1), "Planets")
	m := ada.NewMember(lesson.Room)
	if _, err := m.Connect(); err != nil {
		t.Fatal(err)
	}
	before, socket := box.PID(), m.CurrentConn()
	err := box.ReplaceProgram(faultyProgram(t, crashesAfterGo), time.Minute)
	if err == nil || !strings.Contains(err.Error(), handover.ErrGone.Error()) || box.PID() != before {
		t.Fatalf("got %v from process %d, which was %d", err, box.PID(), before)
	}
	timetest.WaitUntil(t, "the socket to close", func() bool {
		select {
		case <-socket.Done():
			return true
		default:
			return false
		}
	})
	if _, err := m.Connect(); err != nil {
		t.Fatal(err)
	}
	if _, err := m.SendCommand(wiretest.Command{ID: "after", Name: "chat.say", Payload: map[string]any{"text": "here again", "to": "teacher"}}); err != nil {
		t.Error(err)
	}
	if err := box.ReplaceProgram(box.Program(), time.Minute); err != nil || box.PID() == before {
		t.Errorf("the next program: %v", err)
	}
}
