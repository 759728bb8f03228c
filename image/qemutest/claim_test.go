//go:build qemu

package qemutest

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

var claimLine = regexp.MustCompile(`Claim code: ([A-Z2-9]{8})\r\n`)

// readClaimFile returns CLAIM.txt of a disk once it matches, read as any computer reads it. It
// returns an empty string if it never matches.
func readClaimFile(disk string, pattern *regexp.Regexp) string {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Second) { // an emulated machine works
		// The machine runs. A read in the middle of a write is repeated.
		text, err := exec.Command("mtype", "-i", disk+"@@1M", "::CLAIM.txt").Output()
		if err == nil && pattern.Match(text) {
			return string(text)
		}
	}
	return ""
}

// TestABoxWithoutADisplayIsClaimedByItsCard cuts the power of a new box, reads its claim code from
// the card, and claims it with that code. It does not use the screen.
func TestABoxWithoutADisplayIsClaimedByItsCard(t *testing.T) {
	t.Parallel()
	image, _ := newPublisher(t).image(t, "pc", "0.5.0")
	disk := freshDisk(t, image)
	m := New(t, Config{Disk: disk, Raw: true})
	m.WaitReady(starts)
	if readClaimFile(disk, regexp.MustCompile(`Address: http://10\.0\.2\.15\r\n`)) == "" {
		t.Fatal("the card does not have the address")
	}
	m.Kill()
	text := readClaimFile(disk, claimLine)
	for _, part := range []string{"Address: http://10.0.2.15\r\n", "Wi-Fi name: ", "Wi-Fi passphrase: "} {
		if !strings.Contains(text, part) {
			t.Fatalf("no %q in\n%s", part, text)
		}
	}
	m.Start()
	t.Logf("from power to the page, the second time: %v", m.WaitReady(starts))
	code := claimLine.FindStringSubmatch(text)[1]
	a := &admin{t: t, m: m}
	a.mustCall("POST", "/api/claim", map[string]string{"code": code, "box": "School 7", "name": "Ada", "pin": "246810", "lang": "en"}, nil)
	if text = readClaimFile(disk, regexp.MustCompile(`is claimed`)); text == "" || strings.Contains(text, code) {
		t.Errorf("after the claim the card says %q", text)
	}
	m.Kill()
	if text = readClaimFile(disk, regexp.MustCompile(`is claimed`)); text == "" {
		t.Error("a power cut brings the code back")
	}
}
