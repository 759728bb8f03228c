package kernel

import (
	"testing"

	"github.com/livelearn/box/hal"
)

func TestFanOfAPCIsTakenAndGivenBack(t *testing.T) {
	for before, back := range map[string]string{"5\n": "5", "1\n": "2", "0\n": "2", "": "2"} {
		root := newRoot(t, map[string]string{fan + "name": "nct6775\n", fan + "pwm1": "", fan + "pwm1_enable": before})
		f := findFan(root)
		if err := f.Auto(); err != nil { // not taken yet: nothing to give back
			t.Error(err)
		}
		checkFiles(t, root, map[string]string{fan + "pwm1_enable": before})
		if err := f.Set(128); err != nil {
			t.Error(err)
		}
		checkFiles(t, root, map[string]string{fan + "pwm1": "128"})
		if got := hal.ReadWord(root, fan+"pwm1_enable"); got != "1" {
			t.Errorf("by hand: got %q", got)
		}
		truncateFiles(t, root, fan+"pwm1_enable")
		if err := f.Auto(); err != nil {
			t.Error(err)
		}
		checkFiles(t, root, map[string]string{fan + "pwm1_enable": back})
	}
}

// TestFanOfAPiIsTakenFromTheGovernor takes a fan whose speed the kernel sets through the thermal
// zone.
func TestFanOfAPiIsTakenFromTheGovernor(t *testing.T) {
	for _, before := range []string{"step_wise", "user_space"} {
		files := allParts()
		files[zone+"policy"] = before
		root := newRoot(t, files)
		f := findFan(root)
		truncateFiles(t, root, fan+"pwm1")
		if err := f.Set(0); err != nil {
			t.Error(err)
		}
		checkFiles(t, root, map[string]string{fan + "pwm1": "0", fan + "pwm1_enable": "1\n"})
		checkFiles(t, root, map[string]string{zone + "policy": userSpace})
		truncateFiles(t, root, zone+"policy")
		if err := f.Auto(); err != nil {
			t.Error(err)
		}
		checkFiles(t, root, map[string]string{zone + "policy": stepWise})
	}
}

func TestKernelWithoutTheGovernorKeepsIt(t *testing.T) {
	files := allParts()
	files[zone+"available_policies"] = "step_wise\n"
	root := newRoot(t, files)
	f := findFan(root)
	if err := f.Set(200); err != nil {
		t.Error(err)
	}
	checkFiles(t, root, map[string]string{fan + "pwm1": "200", zone + "policy": "step_wise\n"})
}

// TestFanOfAGraphicsCardIsLeftAlone takes the board's fan, which comes second.
func TestFanOfAGraphicsCardIsLeftAlone(t *testing.T) {
	const card = "sys/class/hwmon/hwmon0/"
	files := map[string]string{card + "name": "amdgpu\n", card + "pwm1": "90\n"}
	if f := findFan(newRoot(t, files)); f != nil {
		t.Errorf("got the fan of %s", f.driver)
	}
	const board = "sys/class/hwmon/hwmon7/"
	files[board+"name"], files[board+"pwm1"] = "nct6775\n", ""
	if f := findFan(newRoot(t, files)); f == nil || f.driver != "nct6775" {
		t.Errorf("got %+v, want the fan of the board", f)
	}
}
