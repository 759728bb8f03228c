package doctor

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/livelearn/box/firmware/datafolder"
	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/https"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/health"
)

func TestDoctorSaysWhatToDoAboutTheCloud(t *testing.T) {
	for _, c := range []struct {
		err   error
		level health.Level
		want  string
	}{
		{nil, health.OK, "answers and takes the box"},
		{errs.NewCode("x", errs.Denied, cloud.CodeRevoked, "revoked"), health.Warn, "livelearn cloud enrol"},
		{errs.NewCode("x", errs.Denied, cloud.CodeStranger, "another key"), health.Warn, "livelearn cloud enrol"},
		{errs.NewCode("x", errs.Denied, cloud.CodeBoxOlder, "format 1"), health.Warn, "update the box"},
		{errs.NewCode("x", errs.Down, cloud.CodeCloudOlder, "no function"), health.Warn, "update the nodes"},
		{errs.NewCode("x", errs.Down, https.CodeCertificate, "unknown authority"), health.Warn, "certificate"},
		{errs.New("x", errs.Down, errors.New("no route to host")), health.Warn, "sends them later"},
	} {
		got := judgeCloud("cloud.example", c.err)
		if got.Level != c.level || !strings.Contains(got.What+" "+got.Remedy, c.want) || !strings.Contains(got.What, "cloud.example") || (got.Level == health.OK) != (got.Remedy == "") {
			t.Errorf("%v: got %+v", c.err, got)
		}
	}
}

func TestABoxWithoutACloudHasNoFault(t *testing.T) {
	dir := t.TempDir()
	open := func(context.Context, cloud.Link) (cloud.Sink, func(), error) {
		t.Error("it asks a cloud")
		return nil, nil, errors.New("none")
	}
	if got := CheckCloud(t.Context(), dir, open); got.Level != health.OK {
		t.Errorf("no file: got %+v", got)
	}
	if err := os.WriteFile(filepath.Join(dir, datafolder.CloudFile), []byte(strings.Repeat("x", 9000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := CheckCloud(t.Context(), dir, open); strings.Contains(got.What, "takes the box") {
		t.Errorf("a damaged file: got %+v", got)
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 1 {
		t.Errorf("the doctor left %v, %v", list, err)
	}
}
