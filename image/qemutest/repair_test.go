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

// switchOff presses the power button and waits until the machine is off, with its disk in order.
func (m *Machine) switchOff() {
	m.t.Helper()
	events := m.EventCount()
	if _, err := m.mon.runCommand("system_powerdown", nil); err != nil {
		m.t.Fatal(err)
	}
	m.waitOff(events)
}

// TestADamagedDiskIsRepairedAtTheStart damages the file system of a box twice. The first damage loses
// nothing, and the start repairs it. The second waits for a person in the safe mode.
func TestADamagedDiskIsRepairedAtTheStart(t *testing.T) {
	t.Parallel()
	image, _ := newPublisher(t).image(t, "pc", "0.5.0")
	disk := freshDisk(t, image)
	m := New(t, Config{Disk: disk, Raw: true})
	t.Logf("from power to the page: %v", m.WaitReady(starts))
	a := claimBox(t, m)
	a.addClass("7B")
	m.switchOff()

	damageData(t, disk, "set_super_value state 2", "set_super_value error_count 2", "set_inode_field /box/journal.db links_count 7")
	at := m.Serial.Len()
	m.Start()
	t.Logf("from power to the page, with a repair: %v", m.WaitReady(starts))
	if note := a.readBoot().phaseNote("data"); !strings.Contains(note, "repaired: ") || !strings.Contains(note, "FIXED") {
		t.Errorf("the start reports %q", note)
	}
	if _, text := a.call(answers, "GET", "/readyz", nil, nil); !strings.Contains(text, `"disk_repaired"`) {
		t.Errorf("health does not tell of the repair: %s", text)
	}
	if !a.hasClass("7B") || !strings.Contains(m.Serial.String()[at:], "checking the data partition") {
		t.Error("the data is gone, or the screen does not tell of the check")
	}
	m.switchOff()

	damageData(t, disk, "set_super_value state 2", "clri /log")
	at = m.Serial.Len()
	m.Start()
	ctx, cancel := context.WithTimeout(t.Context(), starts)
	defer cancel()
	code, err := m.Serial.WaitFor(ctx, at, regexp.MustCompile(`safe mode[\s\S]*Code +([A-Z2-9]{8})`))
	if err != nil {
		t.Fatal(err)
	}
	page := m.waitSafePage()
	if !strings.Contains(page, "storage of the box is damaged") || !strings.Contains(page, "e2fsck ended with 4") {
		t.Errorf("the page does not tell of the damage: %s", page)
	}
	var form bytes.Buffer
	fields := multipart.NewWriter(&form)
	_ = fields.WriteField("code", code[1])
	_ = fields.Close()
	resp, err := http.Post("http://"+m.Addr(80)+"/repair", fields.FormDataContentType(), &form)
	if err == nil { // the restart may lose the answer
		if _ = resp.Body.Close(); resp.StatusCode != http.StatusOK {
			t.Fatal(resp.Status)
		}
	}
	m.WaitReady(starts)
	if !a.hasClass("7B") || !strings.Contains(a.readBoot().phaseNote("data"), "repaired: ") {
		t.Error("the repair that a person asked for was not made, or lost the data")
	}
}
