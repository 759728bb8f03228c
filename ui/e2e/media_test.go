package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/livelearn/box/firmware/boxtest"
	"github.com/livelearn/box/services/media"
	"github.com/livelearn/box/services/wire/wiretest"
)

// lecture is a teacher on air over https, and how pupils come in.
type lecture struct {
	t       *testing.T
	box     *boxtest.Box
	teacher *boxtest.Person
	lesson  boxtest.Lesson
	ada     *page
	say     func(string) string
}

func newLecture(t *testing.T) *lecture {
	t.Helper()
	box := boxtest.Start(t, t.TempDir())
	teacher := box.Claim("Ada")
	lesson := teacher.Lesson(teacher.Class("7B", 20), "Planets")
	ada := newPage(t, laptop)
	ada.as("https://"+box.HTTPS, teacher)
	ada.open("https://" + box.HTTPS + "/teach/" + lesson.Room)
	l := &lecture{t: t, box: box, teacher: teacher, lesson: lesson, ada: ada, say: words(t, "en")}
	ada.press(l.say("call.start"))
	ada.until("the device check", `document.querySelector(".device-check video")?.videoWidth > 0`)
	ada.press(l.say("call.go"))
	ada.until("live", `document.querySelector(".call")?.dataset.sending === "live"`)
	return l
}

// remote is a pupil who is not in the room.
func (l *lecture) remote(n int, scheme string) *page {
	l.t.Helper()
	p := newPage(l.t, phone)
	p.as(l.home(scheme), l.box.Join(l.lesson, l.lesson.Names[n].ID))
	p.open(l.home(scheme) + "/lesson")
	p.press(l.say("onair.remote"))
	return p
}

// home is the box as a browser on another machine sees it: no page over plain http is secure.
func (l *lecture) home(scheme string) string {
	host := map[string]string{"http": l.box.HTTP, "https": l.box.HTTPS}[scheme]
	return scheme + "://" + strings.Replace(host, "127.0.0.1", "livelearn.home", 1)
}

// typedIn is a remote pupil who types the code and taps a name, in any browser.
func (l *lecture) typedIn(p *page, n int, scheme string) *page {
	l.t.Helper()
	p.open(l.home(scheme) + "/")
	p.fill(l.say("join.code"), l.lesson.Code)
	p.press(l.lesson.Names[n].Name)
	p.until("the lesson", `location.pathname === "/lesson"`)
	p.press(l.say("onair.remote"))
	return p
}

const tile = `document.querySelector(".tile[data-source=%s]:not(.own) video")`

// sees waits until a picture of a source moves: two frames that differ, decoded.
func (p *page) moves(source string) {
	p.t.Helper()
	p.until("a picture of the "+source, fmt.Sprintf(tile, source)+`?.videoWidth > 0`)
	p.until("a "+source+" that moves", fmt.Sprintf(`(async () => {
		const v = %s;
		const c = document.createElement("canvas"); c.width = 64; c.height = 36;
		const x = c.getContext("2d", { willReadFrequently: true });
		const shot = () => { x.drawImage(v, 0, 0, 64, 36); return x.getImageData(0, 0, 64, 36).data.join(); };
		const a = shot();
		for (let i = 0; i < 20; i++) { await new Promise((r) => setTimeout(r, 100)); if (shot() !== a) return true; }
		return false;
	})()`, fmt.Sprintf(tile, source)))
}

// hears waits until sound arrives that is not silence.
func (p *page) hears() {
	p.t.Helper()
	p.until("sound", `(async () => {
		const s = [...document.querySelectorAll(".call audio")].map((a) => a.srcObject).filter(Boolean);
		const ctx = new AudioContext(); await ctx.resume();
		const nodes = s.map((m) => { const n = ctx.createAnalyser(); ctx.createMediaStreamSource(m).connect(n); return n; });
		let loud = 0;
		for (let i = 0; i < 15; i++) {
			await new Promise((r) => setTimeout(r, 100));
			for (const n of nodes) { const d = new Float32Array(n.fftSize); n.getFloatTimeDomainData(d); loud = Math.max(loud, ...d.map(Math.abs)); }
		}
		await ctx.close();
		return loud > 0.001;
	})()`)
}

func TestPicturesAndSoundOfALesson(t *testing.T) {
	l := newLecture(t)
	ben, cid := l.remote(0, "http"), l.remote(1, "https")
	if eval[bool](ben, "isSecureContext") || !eval[bool](cid, "isSecureContext") {
		t.Fatal("http must be a page that is not secure here, and https one that is")
	}
	fox := firefox(t)
	dora, emil := l.typedIn(fox.page(t, phone), 2, "http"), l.typedIn(fox.page(t, phone), 3, "https")
	for _, p := range []*page{ben, cid, dora, emil} {
		p.moves("camera")
		p.hears()
	}
	l.ada.press(l.say("call.screenOn"))
	for _, p := range []*page{ben, dora} {
		p.moves("screen")
		p.moves("camera")
	}

	// The teacher invites a pupil to speak.
	l.menu(1)
	l.ada.press(l.say("people.invite"))
	cid.sees(l.say("onair.invited"))
	cid.press(l.say("call.accept"))
	cid.until("the check", `document.querySelector(".device-check video")?.videoWidth > 0`)
	cid.press(l.say("call.go"))
	l.ada.moves("camera")
	l.ada.hears()

	modules(t)
	l.ada.axe("console on air")
	cid.axe("a pupil on air")
	ben.axe("a pupil who watches")

	// A teacher's mute is the box's: the pupil cannot undo it.
	l.menu(1)
	l.ada.press(l.say("people.muteMic"))
	cid.until("muted by the teacher", fmt.Sprintf(`[...document.querySelectorAll("button[disabled]")].some((b) => b.innerText.includes(%s))`, quote(l.say("call.mutedBy"))))

	l.ada.press(l.say("rehearse.open"))
	l.ada.until("all is well", `document.querySelectorAll(".rehearsal [data-mark=good]").length === 5`)
	eval[bool](l.ada, `(document.querySelector("dialog[open]").close(), true)`)
	l.ada.press(l.say("encoders.open"))
	l.ada.press(l.say("encoders.make"))
	l.ada.sees(l.say("encoders.once"))
	l.ada.axe("encoders and players")
	eval[bool](l.ada, `(document.querySelector("dialog[open]").close(), true)`)

	l.ada.press(l.say("call.stopall"))
	l.ada.until("no pupil on air", `!document.querySelector(".tile[data-source=camera]:not(.own)")`)
	cid.until("nothing is sent", `document.querySelector(".call").dataset.sending === "off"`)
	for _, p := range []*page{l.ada, ben, cid} {
		p.noFaults()
	}
}

// menu opens what the teacher can do about a pupil.
func (l *lecture) menu(n int) {
	l.t.Helper()
	eval[bool](l.ada, fmt.Sprintf(`([...document.querySelectorAll(".person")].find((x) => x.innerText.includes(%s)).querySelector("summary, button").click(), true)`, quote(l.lesson.Names[n].Name)))
}

// A dozen at once, and one who invites is told why a page that is not secure cannot speak.
func TestADozenWatchAndAnInsecurePageSaysWhy(t *testing.T) {
	l := newLecture(t)
	var all []*page
	for n := range 12 {
		all = append(all, l.remote(n, "http"))
	}
	for _, p := range all {
		p.moves("camera")
	}
	l.menu(0)
	l.ada.press(l.say("people.invite"))
	all[0].sees(l.say("call.insecure"))
	all[0].until("the way to the secure page", fmt.Sprintf(`document.querySelector(".call-insecure a").href === %s`, quote(l.home("https")+"/lesson")))
	for _, p := range all {
		p.moves("camera")
		p.noFaults()
	}
}

// charge is the process of the media server that is in charge.
func (l *lecture) charge() int {
	l.t.Helper()
	for _, n := range l.nodes() {
		if n.Standing == media.InCharge {
			return l.pid(n.Name)
		}
	}
	l.t.Fatal("no media server is in charge")
	return 0
}

func (l *lecture) nodes() (list []media.NodeState) {
	l.t.Helper()
	if _, err := l.teacher.Call("GET", "/api/admin/media", nil, &list); err != nil {
		l.t.Fatal(err)
	}
	return list
}

// pid finds the process of a media server by what its box told it.
func (l *lecture) pid(name string) int {
	l.t.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		l.t.Fatal(err)
	}
	for _, d := range dirs {
		env, _ := os.ReadFile(d + "/environ")
		stat, _ := os.ReadFile(d + "/stat")
		f := strings.Fields(string(stat))
		if len(f) > 3 && f[3] == strconv.Itoa(l.box.PID()) && strings.Contains(string(env), `"name":"`+name+`"`) {
			pid, _ := strconv.Atoi(filepath.Base(d))
			return pid
		}
	}
	l.t.Fatalf("no process of %s", name)
	return 0
}

// standby waits until two media servers run again.
func (l *lecture) standby() {
	l.t.Helper()
	ready := func() bool {
		return slices.ContainsFunc(l.nodes(), func(n media.NodeState) bool { return n.Standing == media.Standby })
	}
	for end := time.Now().Add(patience); !ready(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			l.t.Fatal("the media server does not come back")
		}
	}
}

// The active media server dies, or hangs: pictures are back in three seconds and nobody has
// pressed anything; chat goes on.
func TestPicturesComeBackWhenAMediaServerDies(t *testing.T) {
	l := newLecture(t)
	ben := l.remote(0, "http")
	ben.moves("camera")
	for _, way := range []struct {
		name string
		end  func(pid int) error
	}{
		{"killed", func(pid int) error { return syscall.Kill(pid, syscall.SIGKILL) }},
		{"hung", func(pid int) error { return syscall.Kill(pid, syscall.SIGSTOP) }},
		{"out of memory", l.starve},
	} {
		before := l.charge()
		pause := make(chan time.Duration, 1)
		go func() { pause <- ben.back("camera") }()
		time.Sleep(500 * time.Millisecond)
		if err := way.end(before); err != nil {
			t.Fatal(err)
		}
		back := <-pause
		t.Logf("%s: the longest time without a new picture: %v", way.name, back)
		if back > 3*time.Second {
			t.Errorf("%s: the picture stood for %v", way.name, back)
		}
		if l.charge() == before {
			t.Fatalf("%s: the same media server is in charge", way.name)
		}
		chat(ben, "said after it was "+way.name, l.say)
		l.ada.sees("said after it was " + way.name)
		l.standby()
	}
}

// TestARestartOfTheProgramKeepsTheLesson restarts the program alone, with newer settings, in
// the middle of a lesson on air: pages come back by themselves and nobody presses anything.
func TestARestartOfTheProgramKeepsTheLesson(t *testing.T) {
	l := newLecture(t)
	ben := l.remote(0, "http")
	ben.moves("camera")
	chat(ben, "said before the restart", l.say)
	pause := make(chan time.Duration, 1)
	go func() { pause <- ben.back("camera") }()
	time.Sleep(500 * time.Millisecond)
	l.box.Stop()
	l.box = l.box.Restart("--set", "media.memory=300")
	t.Logf("the program was ready again %v after its start; the longest time without a new picture: %v", l.box.Ready, <-pause)
	ben.moves("camera")
	ben.sees("said before the restart")
	chat(ben, "said after the restart", l.say)
	l.ada.sees("said after the restart")
}

// starve gives a media server no more memory, and has it need some.
func (l *lecture) starve(pid int) error {
	none := unix.Rlimit{Cur: 1 << 20, Max: 1 << 20}
	if err := unix.Prlimit(pid, unix.RLIMIT_DATA, &none, nil); err != nil {
		return err
	}
	m := l.teacher.Member(l.lesson.Room)
	if _, err := m.Connect(); err != nil {
		return err
	}
	if _, err := m.Join(); err != nil {
		return err
	}
	// Offers that are long and wrong: each takes room while it is read. A heap that has
	// room takes many, so they go on until the server is gone.
	for i, end := 0, time.Now().Add(5*time.Second); time.Now().Before(end) && (i < 60 || syscall.Kill(pid, 0) == nil); i++ {
		sdp := "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n" + strings.Repeat("m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\n"+strings.Repeat("a=x\r\n", 400), 22)
		if _, err := m.Do(wiretest.Command{ID: "starve-" + strconv.Itoa(i), Name: "call.watch", Payload: map[string]any{"session": "starve-0123456789-" + strconv.Itoa(i), "sdp": sdp, "mode": "full"}}); err != nil {
			time.Sleep(50 * time.Millisecond) // no more than a member may ask
		}
	}
	return nil
}

// back waits until the picture moves again, by frames that the page has shown, and tells how long
// the longest pause was.
func (p *page) back(source string) time.Duration {
	p.t.Helper()
	ms := eval[float64](p, fmt.Sprintf(`(async () => {
		const begun = performance.now(); let last = begun, worst = 0, count = 0, bound = null;
		const on = (v) => v.requestVideoFrameCallback(function f() { const n = performance.now(); worst = Math.max(worst, n - last); last = n; count++; if (bound === v) v.requestVideoFrameCallback(f); });
		while (performance.now() - begun < 8000) {
			const v = %s;
			if (v && v !== bound) { bound = v; on(v); }
			await new Promise((r) => setTimeout(r, 20));
		}
		return performance.now() - last > 1000 ? 99999 : worst;
	})()`, fmt.Sprintf(tile, source)))
	return time.Duration(ms * 1e6)
}

// A recording is killed in its middle: the file plays to within its last second, and another
// goes on. Everybody sees the light, and nobody is recorded but the teacher.
func TestARecordingSurvivesItsMediaServer(t *testing.T) {
	l := newLecture(t)
	ben := l.remote(0, "http")
	ben.moves("camera")
	l.ada.press(l.say("call.record"))
	ben.sees(l.say("onair.recorded"))
	l.ada.sees(l.say("onair.recorded"))
	time.Sleep(6 * time.Second)
	pid := l.charge()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	ben.back("camera")
	time.Sleep(3 * time.Second)
	l.ada.press(l.say("call.recordOff"))
	ben.until("the light to go out", `!document.querySelector(".recorded")`)

	files := l.files(t)
	if len(files) < 2 {
		t.Fatalf("%d files: %v", len(files), files)
	}
	stopped := 0
	for _, f := range files {
		seconds, frames := probe(t, f)
		info, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %.1f s, %d frames, last written %v before the end", filepath.Base(f), seconds, frames, killed.Sub(info.ModTime()))
		if late := killed.Sub(info.ModTime()); late > 0 {
			stopped++
			if seconds < 4 || late > 1500*time.Millisecond {
				t.Errorf("the killed file has %.1f s and was last written %v before the end", seconds, late)
			}
		}
		if frames < 20 {
			t.Errorf("%s has %d frames", f, frames)
		}
	}
	if stopped != 1 {
		t.Errorf("%d files end where the media server was killed", stopped)
	}
}

// files are the recordings, oldest first.
func (l *lecture) files(t *testing.T) (list []string) {
	t.Helper()
	for _, pattern := range []string{"*/*.webm"} {
		some, err := filepath.Glob(filepath.Join(l.box.Dir, "recordings", pattern))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, some...)
	}
	return list
}

// probe has ffprobe decode a file.
func probe(t *testing.T, file string) (seconds float64, frames int) {
	t.Helper()
	out, err := exec.Command("ffprobe", "-v", "error", "-count_frames", "-select_streams", "v:0", //nolint:gosec // our own file
		"-show_entries", "stream=nb_read_frames:packet=pts_time", "-of", "default=nw=1", file).CombinedOutput()
	if err != nil {
		t.Fatalf("ffprobe: %v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		k, v, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch k {
		case "nb_read_frames":
			frames, _ = strconv.Atoi(v)
		case "pts_time":
			if s, err := strconv.ParseFloat(v, 64); err == nil {
				seconds = max(seconds, s)
			}
		default:
			t.Errorf("%s: %s", filepath.Base(file), line)
		}
	}
	return seconds, frames
}
