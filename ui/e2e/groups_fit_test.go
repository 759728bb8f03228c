package e2e

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// makeGroups sorts the class into twelve groups, one with a long word in its name.
func (s *stage) makeGroups() {
	s.t.Helper()
	var list []map[string]any
	for i := range 12 {
		name := fmt.Sprint("Group ", i+1)
		if i == 4 {
			name = "Kohlenstoffdioxidmessungen Nord"
		}
		list = append(list, map[string]any{"name": name, "members": []string{}})
	}
	for i, pupil := range s.lesson.Names {
		g := list[i%12]
		g["members"] = append(g["members"].([]string), pupil.ID)
	}
	s.do(s.teach, "groups.make", map[string]any{"groups": list})
}

// sheetFaults lists what leaves the teacher's sheet sideways or is cut in it.
const sheetFaults = `(() => {
  const dialog = document.querySelector("dialog[open]"), out = [];
  if (document.documentElement.scrollWidth > innerWidth) out.push("the page scrolls sideways");
  const r = dialog.getBoundingClientRect();
  if (r.left < -1 || r.right > innerWidth + 1 || r.bottom > innerHeight + 1) out.push("the sheet leaves the window");
  for (const e of dialog.querySelectorAll("*")) {
    if (!e.checkVisibility() || e.closest("svg, option, .visually-hidden")) continue;
    const b = e.getBoundingClientRect();
    if (b.left < r.left - 1 || b.right > r.right + 1) out.push("leaves the sheet: " + e.tagName + " " + e.textContent.slice(0, 24));
    if (e.scrollWidth > e.clientWidth + 1 && e.clientWidth && getComputedStyle(e).display !== "inline" && e.tagName !== "INPUT") out.push("more than it shows: " + e.tagName + " " + e.textContent.slice(0, 24));
  }
  return [...new Set(out)].slice(0, 8);
})()`

// TestTwelveGroupsFitEveryScreen looks at the groups of 30 pupils on the wall, the console and a phone.
func TestTwelveGroupsFitEveryScreen(t *testing.T) {
	installModules(t)
	s := newStage(t, 30)
	home := "http://" + s.box.HTTP
	pupils := s.pupils()
	s.makeGroups()
	console, pupil := newPage(t, laptop), newPage(t, phone)
	console.as(home, s.ada)
	pupil.as(home, s.people[4])
	sheets := 0
	sheet := func(what, lang string) {
		t.Helper()
		sheets++
		for i, size := range [][2]int64{laptop, {1024, 768}, phone} {
			console.do(chromedp.EmulateViewport(size[0], size[1]))
			for j, theme := range []string{"light", "dark"} {
				evalJS[bool](console, `(document.documentElement.dataset.theme = "`+theme+`", true)`)
				console.still()
				name := fmt.Sprint("groups ", what, " ", lang, " ", size[0], " ", theme)
				for _, fault := range evalJS[[]string](console, sheetFaults) {
					t.Errorf("%s: %s", name, fault)
				}
				if inTurn(2, sheets, i, j) {
					console.axe(name)
				}
				console.picture(name)
			}
		}
		console.do(chromedp.EmulateViewport(laptop[0], laptop[1]))
	}
	for i, lang := range directions() {
		say := loadWords(t, lang)
		console.speak(home, lang)
		console.open(home + "/teach/" + s.lesson.Room)
		console.press(say("groups.title"))
		console.until("the sheet", groupsSheet+`?.querySelectorAll("li select").length === 30`)
		sheet("prepare", lang)
		s.do(s.teach, "groups.open", map[string]any{"seconds": 600})
		for n, text := range []string{"Good morning", planting + planting} {
			s.do(pupils[4+12*n], "groups.say", map[string]any{"group": "g5", "text": text})
		}
		console.until("twelve groups", groupsSheet+`?.querySelectorAll("[role=tab]").length === 12`)
		evalJS[bool](console, `(`+groupsSheet+`.querySelectorAll("[role=tab]")[4].click(), true)`)
		console.until("what the group says", groupsSheet+`.querySelectorAll("[role=log] time").length >= 2`)
		sheet("watch", lang)

		s.open(lang)
		s.screen.until("the wall", `document.querySelectorAll("[data-part=groups-wall] li").length === 12`)
		s.look("groups twelve", least)

		pupil.speak(home, lang)
		pupil.open(home + "/lesson")
		pupil.until("the group", inGroup)
		pupil.looks(fmt.Sprint("groups pupil ", lang))
		s.do(s.teach, "groups.close", nil)
		pupil.sees(say("groups.back"))
		pupil.looks(fmt.Sprint("groups back ", lang))
		if i == 0 {
			s.screen.until("the lobby", `document.querySelector("[data-here]")`)
		}
	}
	for _, p := range []*page{console, pupil, s.screen} {
		p.noFaults()
	}
}

// TestGroupsWithoutAMouse makes groups, moves a pupil, writes, deletes a message and calls the class
// back with keys alone.
func TestGroupsWithoutAMouse(t *testing.T) {
	say := loadWords(t, "en")
	s := newStage(t, 4)
	home := "http://" + s.box.HTTP
	s.pupils()
	pupil := newPage(t, laptop)
	pupil.as(home, s.people[0])
	pupil.open(home + "/lesson")
	pupil.sees(say("conn.live"))
	p := desk(t, s.ada, s.lesson.Room, laptop)
	press := func(p *page, name string) {
		t.Helper()
		p.tabTo(name)
		p.key(kb.Enter)
	}
	press(p, say("groups.title"))
	p.until("the sheet", groupsSheet)
	press(p, say("groups.random"))
	p.until("four members", groupsSheet+`?.querySelectorAll("li select").length === 4`)
	p.tabTo("Group of " + s.lesson.Names[0].Name)
	before := evalJS[string](p, `document.activeElement.value`)
	p.key(map[bool]string{true: kb.ArrowDown, false: kb.ArrowUp}[before == "g1"])
	p.until("the other group, and the focus there", `((e) => e.ariaLabel === `+quote("Group of "+s.lesson.Names[0].Name)+` && e.value !== `+quote(before)+` && e.closest("section").ariaLabel === e.selectedOptions[0].text)(document.activeElement)`)
	press(p, say("groups.start"))

	pupil.until("the group", inGroup)
	pupil.tabTo(say("groups.say"))
	pupil.typed("no mouse")
	pupil.key(kb.Enter)
	pupil.sees("no mouse")

	p.until("the groups", groupsSheet+`?.querySelector("[role=tab]")`)
	p.tabTo("Group")
	if before == "g1" { // the pupil is in the second one now
		p.key(kb.ArrowRight)
	}
	p.sees("no mouse")
	press(p, say("chat.menu")[:len("Actions for the message of ")]+s.lesson.Names[0].Name)
	p.until("the menu", `document.activeElement.closest("[role=menu]")`)
	p.key(kb.Enter)
	p.until("the question", `document.querySelectorAll("dialog[open]").length === 2`)
	press(p, say("chat.remove"))
	gone := `!document.body.innerText.includes("no mouse")`
	p.until("the message is gone", gone)
	pupil.until("the message is gone", gone)
	press(p, say("groups.callBack"))
	pupil.sees(say("groups.back"))
	press(pupil, say("groups.toClass"))
	pupil.until("the class", `!document.body.innerText.includes(`+quote(say("groups.back"))+`)`)
	p.noFaults()
	pupil.noFaults()
}
