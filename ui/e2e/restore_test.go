package e2e

import (
	"context"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/livelearn/box/firmware/boxtest"
)

// giveSaved puts the backup that the page has downloaded into its file field.
func (p *page) giveSaved() {
	p.t.Helper()
	field := `document.querySelector("[data-part=restore] input[type=file]")`
	p.until("the file field", field)
	evalJS[bool](p, `((field) => {
	  const held = new DataTransfer();
	  held.items.add(new File([window.saved], "livelearn.llb"));
	  field.files = held.files;
	  return field.dispatchEvent(new Event("change", {bubbles: true}));
	})(`+field+`)`)
}

// confirmName types the name of the box in the open dialog.
func (p *page) confirmName(name string) {
	p.t.Helper()
	field := `document.querySelector("dialog[open] [name=confirm-name]")`
	p.until("the field for the name", field)
	evalJS[bool](p, field+`.focus() || true`)
	p.typed(name)
}

// TestTheRecoverySheetIsAllThatIsPrinted prints the passphrase of an encrypted backup.
func TestTheRecoverySheetIsAllThatIsPrinted(t *testing.T) {
	box := boxtest.Start(t, t.TempDir())
	ada := box.ClaimBox("Ada")
	home := "http://" + box.HTTP
	for _, lang := range []string{"en", "ar"} {
		say := loadWords(t, lang)
		p := newPage(t, laptop)
		p.as(home, ada)
		p.speak(home, lang)
		p.open(home + "/admin/backup")
		p.press(say("admin.sealed"))
		p.until("a passphrase", `document.querySelector("[name=passphrase]")?.value.length === 29`)
		p.do(chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
			_, err := cdp.Call(ctx, tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
			return err
		}))
		const visible = `[...document.querySelectorAll("body *")].filter((e) => !e.children.length && e.checkVisibility({visibilityProperty: true}) && e.innerText?.trim())`
		evalJS[bool](p, `(window.print = () => { window.printed = `+visible+`.map((e) => [!!e.closest("[data-part=recovery]"), e.innerText.trim()]); }, true)`)
		p.press(say("admin.recovery.print"))
		p.until("the sheet", `window.printed?.length > 0`)
		if other := evalJS[[]string](p, `printed.filter(([sheet]) => !sheet).map(([, text]) => text)`); len(other) > 0 {
			t.Errorf("%s: the print has %q too", lang, other)
		}
		if !evalJS[bool](p, `printed.some(([, text]) => text === document.querySelector("[name=passphrase]").value)`) {
			t.Errorf("%s: the print has no passphrase: %v", lang, evalJS[[][]any](p, `printed`))
		}
		evalJS[bool](p, `dispatchEvent(new Event("afterprint"))`)
		if evalJS[bool](p, `"print" in document.documentElement.dataset`) {
			t.Errorf("%s: the page still prints the sheet only", lang)
		}
		p.noFaults()
	}
}

// TestAnAdminRestoresABackupInTheBrowser downloads an encrypted backup, changes the box, tries a
// file that is no backup and a wrong passphrase, restores, and finds the page again after the
// restart.
func TestAnAdminRestoresABackupInTheBrowser(t *testing.T) {
	list := []viewer{{laptop, "en", "light"}, {phone, "ar", "dark"}, {phone, "en", "light"}, {laptop, "ar", "dark"}}
	if !whole() {
		list = list[turn()%len(list):][:1]
	}
	for _, s := range list {
		say := loadWords(t, s.lang)
		box := boxtest.Start(t, t.TempDir())
		code := box.Code
		box.Stop()
		box = box.Restart() // it has the same address after the next restart
		box.Code = code
		ada := box.ClaimBox("Ada")
		home := "http://" + box.HTTP
		ada.AddClass("7B", 12)
		p := newPage(t, s.size)
		p.as(home, ada)
		p.speak(home, s.lang)
		shot := func(what string) {
			p.theme(s.theme)
			p.axe(what + " in " + s.lang)
			p.shot(what + "-" + s.lang + "-" + s.theme)
		}
		p.open(home + "/admin/backup")
		p.sees(say("admin.restore.choose"))
		shot("1-empty")
		evalJS[bool](p, `(((make) => { URL.createObjectURL = (blob) => { window.saved = blob; return make(blob); }; })(URL.createObjectURL), true)`)
		if err := ada.ConfirmPIN(); err != nil {
			t.Fatal(err)
		}
		p.press(say("admin.sealed"))
		p.until("a passphrase", `document.querySelector("[name=passphrase]")?.value.length === 29`)
		passphrase := evalJS[string](p, `document.querySelector("[name=passphrase]").value`)
		p.press(say("admin.sealedGet"))
		p.sees(say("admin.sealedDone"))
		shot("2-encrypted")
		p.press(say("close"))
		ada.AddClass("8C", 13)

		p.give("[data-part=restore]", "photo.png", "not a backup at all, but long enough for its head")
		p.sees(say("err.not_a_backup"))
		p.sees(say("admin.restore.unchanged"))
		shot("3-refused")
		p.giveSaved()
		p.sees(say("admin.restore.encrypted"))
		p.fill(say("admin.passphrase"), "another passphrase")
		p.press(say("admin.restore.check"))
		p.sees(say("err.wrong_passphrase"))
		shot("4-passphrase")
		p.fill(say("admin.passphrase"), passphrase)
		p.press(say("admin.restore.check"))
		p.sees(say("admin.restore.lost"))
		p.sees("8C")
		shot("5-dry-run")
		if err := ada.ConfirmPIN(); err != nil { // the test may have taken longer than a PIN is fresh
			t.Fatal(err)
		}
		p.press(say("admin.restore.restore"))
		p.confirmName("another box")
		p.until("no way on with another name", `[...document.querySelectorAll("dialog[open] button")].at(-1).disabled`)
		evalJS[bool](p, `(document.activeElement.select(), true)`)
		p.typed("Test box")
		shot("6-confirm")
		p.confirm(say("admin.restore.yes"))
		p.sees(say("admin.restore.restarting"))
		p.shot("7-restarting-" + s.lang + "-" + s.theme)
		p.sees(say("admin.restore.done"))
		shot("8-done")
		p.press(say("admin.restore.go"))
		p.until("the new page", `document.body?.innerText.includes(`+quote(say("admin.restore.choose"))+`)`)
		shot("9-after")
		p.open(home + "/teach")
		p.sees("7B")
		if text := p.text(); !evalJS[bool](p, `!document.body.innerText.includes("8C")`) {
			t.Errorf("the class that the backup has not is there:\n%s", text)
		}
		p.noFaults()
	}
}
