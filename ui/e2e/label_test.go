package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/livelearn/box/firmware/boxtest"
	"github.com/livelearn/box/services/network"
)

// printPDF prints the page as a browser does that follows the style sheet.
func (p *page) printPDF() (pdf []byte) {
	p.t.Helper()
	p.do(chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		got, err := cdp.Call(ctx, tab, cdppage.PrintToPDF, cdppage.PrintToPDFParams{PreferCSSPageSize: new(true)})
		pdf = got.Data
		return err
	}))
	return pdf
}

// asPrinted switches the page to what a printer gets, or back with an empty medium.
func (p *page) asPrinted(medium string) {
	p.t.Helper()
	p.do(chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: medium})
		return err
	}))
}

// TestTheLabelFitsItsPaper prints the label of a box whose name is as long as a name may be. The
// sticker is one page of its own size, and the sheet with the steps is one page of A4.
func TestTheLabelFitsItsPaper(t *testing.T) {
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	if _, err := ada.CallAPI("PATCH", "/api/admin/settings", map[string]string{"name": "The science laboratory of the upper school"}, nil); err != nil {
		t.Fatal(err)
	}
	home := "http://" + box.HTTP
	for _, at := range []struct {
		lang, theme string
		size        [2]int64
	}{{"en", "light", laptop}, {"ar", "dark", phone}} {
		say := loadWords(t, at.lang)
		p := newPage(t, at.size)
		p.speak(home, at.lang)
		p.as(home, ada)
		p.answer(map[string]any{"GET /api/admin/network": map[string]any{
			"supported": true, "state": network.State{Ports: []network.Port{{Name: "eth0", Up: true, MAC: "dc:a6:32:00:00:01"}}},
		}})
		p.open(home + "/label")
		p.theme(at.theme)
		p.sees("dc:a6:32:00:00:01")
		p.press(say("label.other"))
		p.fill(say("admin.net.ssid"), "Science 12")
		p.fill(say("admin.net.key"), "a long passphrase")
		p.press(say("label.put"))
		p.sees("a long passphrase")
		p.sees(say("label.words"))
		p.axe(at.lang + " label")
		p.shot(at.lang + " label")
		for i, print := range []struct {
			size string
			w, h float64 // mm
		}{{"sheet", 210, 297}, {"sticker", 100, 62}} {
			evalJS[bool](p, fmt.Sprintf(`(document.querySelectorAll("[name=size]")[%d].click(), true)`, i))
			pdf := p.printPDF()
			if dir := os.Getenv("LIVELEARN_PICTURES"); dir != "" {
				if err := os.WriteFile(filepath.Join(dir, at.lang+"-"+print.size+".pdf"), pdf, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			boxes := regexp.MustCompile(`/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]`).FindAllSubmatch(pdf, -1)
			if len(boxes) != 1 || bytes.Count(pdf, []byte("/Type /Page\n")) != 1 {
				t.Fatalf("%s %s: %d pages", at.lang, print.size, len(boxes))
			}
			for side, mm := range []float64{print.w, print.h} {
				points, err := strconv.ParseFloat(string(boxes[0][1+side]), 64)
				if got := points / 72 * 25.4; err != nil || got < mm-1 || got > mm+1 {
					t.Errorf("%s %s: side %d is %.1f mm, want %g", at.lang, print.size, side, got, mm)
				}
			}
		}
		p.asPrinted("print")
		if over := evalJS[int](p, `((e) => e.scrollHeight - e.clientHeight)(document.querySelector("[data-part=label] section"))`); over > 0 {
			t.Errorf("%s: %d pixels of the sticker are cut off", at.lang, over)
		}
		p.asPrinted("")
		p.noFaults()
	}
}
