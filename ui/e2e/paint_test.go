package e2e

import (
	"context"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/livelearn/box/firmware/boxtest"
)

const (
	slower = 6           // times slower than this machine's CPU
	link   = 2e6 / 8     // bytes a second
	paint  = 1200        // ms to the first paint of content
	tries  = 5           // the best one counts: other work on the machine only adds
	delay  = float64(20) // ms of the way, one way
)

// slow makes the tab that of a slow phone on a bad link.
func slow(p *page) {
	p.t.Helper()
	p.do(chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		if _, err := cdp.Call(ctx, tab, emulation.SetCPUThrottlingRate, emulation.SetCPUThrottlingRateParams{Rate: slower}); err != nil {
			return err
		}
		_, err := cdp.Call(ctx, tab, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{
			MatchedNetworkConditions: []*network.Conditions{{Latency: delay, DownloadThroughput: link, UploadThroughput: link}},
		})
		return err
	}))
}

// TestAPupilsPagePaintsSoonOnASlowPhone opens the join page with an empty cache on a slow
// CPU and a slow link, which Chromium emulates.
func TestAPupilsPagePaintsSoonOnASlowPhone(t *testing.T) {
	box := boxtest.Start(t, t.TempDir())
	ada := box.Claim("Ada")
	lesson := ada.Lesson(ada.Class("7B", 30), "Planets")
	best := 0.0
	for range tries {
		p := newPage(t, phone) // a context of its own: nothing is cached
		slow(p)
		p.open("http://" + box.HTTP + "/j/" + lesson.Key)
		p.until("the names", `document.body.innerText.includes(`+quote(lesson.Names[0].Name)+`)`)
		ms := eval[float64](p, `performance.getEntriesByName("first-contentful-paint")[0].startTime`)
		if best == 0 || ms < best {
			best = ms
		}
	}
	t.Logf("first paint of content after %.0f ms, of %d", best, paint)
	if best > paint {
		t.Errorf("first paint of content after %.0f ms at best, at most %d", best, paint)
	}
}
