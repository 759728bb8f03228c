package scenario

import (
	"strings"
	"testing"

	"github.com/livelearn/box/firmware/boxtest"
)

// TestDoctorSaysWhatTheCloudSaysOfTheBox asks a running box and a stopped one: the cloud takes it,
// is away, or has revoked it.
func TestDoctorSaysWhatTheCloudSaysOfTheBox(t *testing.T) {
	bin := boxtest.BuildProgram(t)
	dir := t.TempDir()
	l := newLinked(t, dir)
	l.arrived()
	check := func(when, want, remedy string) {
		t.Helper()
		if said := says(bin, "doctor", dir, "--no-network", "--set", "cloud.allow_private=true"); !strings.Contains(said, want) || !strings.Contains(said, remedy) {
			t.Errorf("%s: doctor says\n%s", when, said)
		}
	}
	check("running", "answers and takes the box", "ok ")
	l.Box.Stop()
	check("stopped", "answers and takes the box", "ok ")
	l.cloud.Kill()
	check("away", "does not answer", "sends them later")
	l.cloud = l.cloud.Restart()
	id, _, _ := strings.Cut(l.cloud.RunCommand("boxes"), " ")
	l.cloud.RunCommand("revoke", id, "--yes")
	check("revoked", "refuses the box", "livelearn cloud enrol")
}
