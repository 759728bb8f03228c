package kernel

import (
	"testing"

	"github.com/livelearn/box/hal"
)

func TestFanOfAPCIsTakenAndGivenBack(t *testing.T) {
	for before, back := range map[string]string{"5\n": "5", "1\n": "2", "0\n": "2", "": "2"} {
		root := machine(t, map[string]string{fan + "name": "nct6775\n", fan + "pwm1": "", fan + "pwm1_enable": before})
		f := FindFan(root)
		if err := f.Auto(); err != nil { // not taken yet: nothing to give back
			t.Error(err)
		}
		holds(t, root, map[string]string{fan + "pwm1_enable": before})
		if err := f.Set(128); err != nil {
			t.Error(err)
		}
		holds(t, root, map[string]string{fan + "pwm1": "128"})
		if got := hal.ReadWord(root, fan+"pwm1_enable"); got != "1" {
			t.Errorf("by hand: got %q", got)
		}
		empty(t, root, fan+"pwm1_enable")
		if err := f.Auto(); err != nil {
			t.Error(err)
		}
		holds(t, root, map[string]string{fan + "pwm1_enable": back})
	}
}

// TestFanOfAPiIsTakenFromTheGovernor: its kernel sets the speed through the thermal zone.
func TestFanOfAPiIsTakenFromTheGovernor(t *testing.T) {
	for _, before := range []string{"step_wise", "user_space"} {
		files := whole()
		files[zone+"policy"] = before
		root := machine(t, files)
		f := FindFan(root)
		empty(t, root, fan+"pwm1")
		if err := f.Set(0); err != nil {
			t.Error(err)
		}
		holds(t, root, map[string]string{fan + "pwm1": "0", fan + "pwm1_enable": "1\n"})
		holds(t, root, map[string]string{zone + "policy": userSpace})
		empty(t, root, zone+"policy")
		if err := f.Auto(); err != nil {
			t.Error(err)
		}
		holds(t, root, map[string]string{zone + "policy": stepWise})
	}
}

func TestKernelWithoutTheGovernorKeepsIt(t *testing.T) {
	files := whole()
	files[zone+"available_policies"] = "step_wise\n"
	root := machine(t, files)
	f := FindFan(root)
	if err := f.Set(200); err != nil {
		t.Error(err)
	}
	holds(t, root, map[string]string{fan + "pwm1": "200", zone + "policy": "step_wise\n"})
}
