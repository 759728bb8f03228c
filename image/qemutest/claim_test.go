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

// readCardWithoutPower cuts the power of a box that has an address and returns the claim code of its
// card, as somebody does who takes the card to another computer.
func readCardWithoutPower(t *testing.T, m *Machine, disk string) (code string) {
	t.Helper()
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
	return claimLine.FindStringSubmatch(text)[1]
}
