//go:build qemu

package qemutest

import (
	"bytes"
	"context"
	"fmt"
	"mime/multipart"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/diskfs/go-diskfs/partition/gpt"

	"github.com/livelearn/box/firmware/appliance/disk"
)

// damageData writes to the file system on the data partition of a disk, below all checks.
func damageData(t *testing.T, image string, commands ...string) {
	t.Helper()
	f, err := os.Open(image)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	table, err := gpt.Read(f, disk.Sector, disk.Sector)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range table.Partitions {
		if p.Name != disk.DataPart {
			continue
		}
		for _, c := range commands {
			runProgram(t, "env", "PATH=/usr/sbin:/sbin:/usr/bin:/bin", "debugfs", "-w", "-R", c, fmt.Sprintf("%s?offset=%d", image, p.GetStart()))
		}
		return
	}
	t.Fatal("the disk has no data partition")
}

// switchOff presses the power button and waits until the machine is off, with its disk in order. The
// button is a real input device of the kernel. The box reads it and asks the first process to stop.
func (m *Machine) switchOff() {
	m.t.Helper()
	events := m.EventCount()
	if _, err := m.mon.runCommand("system_powerdown", nil); err != nil {
		m.t.Fatal(err)
	}
	m.waitOff(events)
}

// waitOff waits until the machine has switched itself off.
func (m *Machine) waitOff(from int) {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), starts)
	defer cancel()
	m.WaitEvent(ctx, from, "SHUTDOWN")
	select {
	case <-m.ended:
	case <-ctx.Done():
		m.t.Fatal("the emulator still runs after the machine was switched off")
	}
}

// TestADamagedDiskIsRepairedAtTheStart damages the file system of a box twice. The first damage loses
// nothing, and the start repairs it. The second waits for a person in the safe mode. The power button
// switches the box off before each, once while no program runs. The claim code of this box is that of
// livelearn.toml.
func TestADamagedDiskIsRepairedAtTheStart(t *testing.T) {
	t.Parallel()
	takeTurn(t, 1)
	image, _ := newPublisher(t).image(t, "pc", "0.5.0")
	disk := freshDisk(t, image)
	setSettings(t, disk, "[box]\nclaim_code = \"k7fp-2m9x\"\n")
	m := New(t, Config{Disk: disk, Raw: true})
	t.Logf("from power to the page: %v", m.WaitReady(starts))
	if readClaimFile(disk, regexp.MustCompile("Claim code: K7FP2M9X\r\n")) == "" {
		t.Error("the card does not have the code of livelearn.toml")
	}
	if code := m.readCode(t); code != "K7FP2M9X" {
		t.Errorf("the screen has the code %q", code)
	}
	a := claimBox(t, m)
	a.addClass("7B")
	restartProgram(t, a)
	m.switchOff()

	damageData(t, disk, "set_super_value state 2", "set_super_value error_count 2", "set_inode_field /box/journal.db links_count 7")
	startWithRepair(t, a)
	a.restart("/api/admin/restart", map[string]string{"what": "program"})
	for code := 1; code > 0; time.Sleep(10 * time.Millisecond) { // the program ends
		code, _ = a.call(answers, "GET", "/readyz", nil, nil)
	}
	m.switchOff()

	damageData(t, disk, "set_super_value state 2", "clri /log")
	repairInSafeMode(t, a)
}

// restartProgram restarts the program. The machine keeps running.
func restartProgram(t *testing.T, a *admin) {
	t.Helper()
	id, began := a.readBoot().State.ID, a.journalOpenedAt()
	a.restart("/api/admin/restart", map[string]string{"what": "program"})
	a.waitStatus("the program again", func(status) bool { return a.journalOpenedAt() != began })
	if a.readBoot().State.ID != id || !a.hasClass("7B") {
		t.Error("more than the program was restarted")
	}
}

// startWithRepair starts the machine, which repairs its disk. The disk had been left in order.
func startWithRepair(t *testing.T, a *admin) {
	t.Helper()
	at := a.m.Serial.Len()
	a.m.Start()
	t.Logf("from power to the page, with a repair: %v", a.m.WaitReady(starts))
	b := a.readBoot()
	note := b.phaseNote("data")
	if !strings.Contains(note, "repaired: ") || !strings.Contains(note, "FIXED") || strings.Contains(note, "the power went") {
		t.Errorf("the start reports %q", note)
	}
	if b.State.Clock != "rtc" || len(b.State.Before) == 0 {
		t.Errorf("the clock is from %q; %d lines of the log before", b.State.Clock, len(b.State.Before))
	}
	if _, text := a.call(answers, "GET", "/readyz", nil, nil); !strings.Contains(text, `"disk_repaired"`) {
		t.Errorf("health does not tell of the repair: %s", text)
	}
	if !a.hasClass("7B") || !strings.Contains(a.m.Serial.String()[at:], "checking the data partition") {
		t.Error("the data is gone, or the screen does not tell of the check")
	}
}

// repairInSafeMode starts the machine, which asks a person for the repair.
func repairInSafeMode(t *testing.T, a *admin) {
	t.Helper()
	at := a.m.Serial.Len()
	a.m.Start()
	ctx, cancel := context.WithTimeout(t.Context(), starts)
	defer cancel()
	code, err := a.m.Serial.WaitFor(ctx, at, regexp.MustCompile(`safe mode[\s\S]*Code +([A-Z2-9]{8})`))
	if err != nil {
		t.Fatal(err)
	}
	page := a.m.waitSafePage()
	if !strings.Contains(page, "storage of the box is damaged") || !strings.Contains(page, "e2fsck ended with 4") {
		t.Errorf("the page does not tell of the damage: %s", page)
	}
	var form bytes.Buffer
	fields := multipart.NewWriter(&form)
	_ = fields.WriteField("code", code[1])
	_ = fields.Close()
	resp, err := http.Post("http://"+a.m.Addr(80)+"/repair", fields.FormDataContentType(), &form)
	if err == nil { // the restart may lose the answer
		if _ = resp.Body.Close(); resp.StatusCode != http.StatusOK {
			t.Fatal(resp.Status)
		}
	}
	a.m.WaitReady(starts)
	if !a.hasClass("7B") || !strings.Contains(a.readBoot().phaseNote("data"), "repaired: ") {
		t.Error("the repair that a person asked for was not made, or lost the data")
	}
}
