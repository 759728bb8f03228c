package e2e

import (
	"os"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/livelearn/box/firmware/boxtest"
)

func TestZZShot(t *testing.T) {
	if os.Getenv("ZZ") == "" {
		t.Skip()
	}
	box := boxtest.Start(t, t.TempDir())
	fresh := boxtest.Start(t, t.TempDir())
	ada := box.Claim("Ada")
	l := ada.Lesson(ada.Class("7B", 8), "Planets")
	for _, m := range []struct {
		name, lang string
		size       [2]int64
	}{{"phone", "en", phone}, {"laptop", "fr", laptop}, {"arphone", "ar", phone}} {
		p := newPage(t, m.size)
		shot := func(name string) {
			eval[bool](p, `new Promise((r) => setTimeout(() => r(true), 900))`)
			h := eval[int64](p, `document.documentElement.scrollHeight`)
			p.do(chromedp.EmulateViewport(m.size[0], min(h, 4000)))
			png, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
			if err != nil {
				t.Fatal(err)
			}
			p.do(chromedp.EmulateViewport(m.size[0], m.size[1]))
			os.WriteFile("/tmp/prep/"+m.name+"-"+name+".png", png, 0o644)
		}
		f := "http://" + fresh.HTTP
		p.speak(f, m.lang)
		p.open(f + "/claim")
		shot("claim1")
		eval[bool](p, `(document.querySelector("button.big").click(), true)`)
		shot("claim2")
		home := "http://" + box.HTTP
		p.speak(home, m.lang)
		p.as(home, ada)
		p.open(home + "/teach")
		shot("home")
		p.open(home + "/quiz/q_sample")
		p.until("x", `document.querySelector(".editor")`)
		eval[bool](p, `([...document.querySelectorAll("[aria-labelledby=add-title] button")].slice(3,8).forEach((b) => b.click()), true)`)
		shot("quiz")
		eval[bool](p, `(localStorage.removeItem("ll:quiz:q_sample"), true)`)
		p.open(home + "/cards/" + l.Room)
		shot("cards")
		p.open(home + "/teach")
		eval[bool](p, `new Promise((r) => setTimeout(() => r(true), 900))`)
		eval[bool](p, `([...document.querySelectorAll(".class-actions button")].at(-1).click(), true)`)
		p.give(".intake", "x.csv", "Name;Class\nAmal Haddad;7B\n\"Ben;7B\nCid Ono;7B\nAmal Haddad;7B\n")
		shot("list")
	}
}
