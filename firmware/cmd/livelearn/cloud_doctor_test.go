package main

import (
	"strings"
	"testing"
	"time"

	"github.com/livelearn/box/firmware/doctor"
	"github.com/livelearn/box/services/cloud/pg"
)

func TestTheCloudsDoctorNamesSilentBoxesAndPushesThatFail(t *testing.T) {
	now := time.Now()
	ago := func(d time.Duration) *time.Time { return new(now.Add(-d)) }
	box := pg.BoxState{School: "Hill", Box: "b-1", Enrolled: now.Add(-1000 * time.Hour), SilentHours: 72}
	heard, silent, dead, revoked := box, box, box, box
	heard.Seen, silent.Seen, dead.Seen, revoked.Seen = ago(time.Hour), ago(100*time.Hour), ago(time.Hour), ago(100*time.Hour)
	dead.Dead, revoked.Dead, revoked.Revoked = 3, 3, ago(90*time.Hour)
	push := pg.Push{School: "Hill", Kind: pg.PushXAPI, Address: "https://lrs.example/xapi", Next: now.Add(time.Minute)}
	fails, idle := push, push
	fails.Failures, fails.Problem, fails.Succeeded = 7, "the store answers 401", ago(time.Hour)
	idle.Next = now.Add(-2 * time.Hour)
	for name, at := range map[string]struct {
		got  []doctor.Finding
		want string // in the one finding; empty: none
	}{
		"heard":    {judgeBox(heard, now), ""},
		"silent":   {judgeBox(silent, now), `box b-1 of "Hill" is silent: last heard of 2`},
		"never":    {judgeBox(box, now), "last heard of never"},
		"dead":     {judgeBox(dead, now), "that were refused: 3"},
		"revoked":  {judgeBox(revoked, now), ""},
		"in order": {judgePush(push, now), ""},
		"fails":    {judgePush(fails, now), "failed tries in a row: 7, last success 2"},
		"idle":     {judgePush(idle, now), "and no node does it"},
	} {
		if len(at.got) != min(1, len(at.want)) || at.want != "" && (!strings.Contains(at.got[0].What, at.want) || at.got[0].Remedy == "") {
			t.Errorf("%s: %+v, want %q", name, at.got, at.want)
		}
	}
	if f := judgePush(fails, now); !strings.Contains(f[0].What, "the store answers 401") {
		t.Errorf("the reason is missing: %+v", f)
	}
}
