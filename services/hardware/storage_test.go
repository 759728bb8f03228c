package hardware

import (
	"io"
	"log/slog"
	"testing"
	"testing/fstest"
	"testing/synctest"

	"github.com/livelearn/box/hal"
	"github.com/livelearn/box/hal/boards"
	"github.com/livelearn/box/hal/boards/sim"
	"github.com/livelearn/box/services/health"
	"github.com/livelearn/box/services/supervise"
)

// The files are those of Linux. A second storage shows that the most worn one counts.
func TestAWornStorageIsAHealthWarning(t *testing.T) {
	for _, c := range []struct {
		life       string // empty: a card that does not report it
		level      health.Level
		code, text string
	}{
		{"", health.OK, "storage_wear_unknown", "mmcblk0 (SD)"},
		{"0x02 0x01", health.OK, "storage_wear_low", "mmcblk0 (SD), mmcblk1 (MMC, 20 %)"},
		{"0x09 0x01", health.Warn, "storage_wear_high", "mmcblk1 (MMC, 90 %)"},
		{"0x01 0x0b", health.Warn, "storage_wear_over", "mmcblk1 (MMC, 110 %)"},
	} {
		root := fstest.MapFS{"sys/block/mmcblk0/device/type": {Data: []byte("SD\n")}}
		if c.life != "" {
			root["sys/block/mmcblk1/device/type"] = &fstest.MapFile{Data: []byte("MMC\n")}
			root["sys/block/mmcblk1/device/life_time"] = &fstest.MapFile{Data: []byte(c.life + "\n")}
		}
		synctest.Test(t, func(t *testing.T) {
			h := health.New(nil)
			w := New(hal.Board{Storage: boards.Probe(root).Storage}, h, slog.New(slog.DiscardHandler))
			g := supervise.Group(t.Context())
			g.Go(w.Serve)
			synctest.Wait()
			wantCheck(t, h, "storage", c.level, c.code, c.text)
			if ready, list := h.Ready(); !ready {
				t.Errorf("a lesson goes on with a worn storage: %+v", list)
			}
		})
	}
	if sim.New(io.Discard).HAL().Storage != nil || New(hal.Board{}, health.New(nil), nil) != nil {
		t.Error("a board without a card has a check of it")
	}
}
