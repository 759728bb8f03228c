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
	"github.com/livelearn/box/services/timetest"
	"github.com/livelearn/box/services/wire/wiretest"
)

// lectureRig is a teacher on air over https, and the way in for pupils.
type lectureRig struct {
	t       *testing.T
	box     *boxtest.Box
	teacher *boxtest.Person
	lesson  boxtest.Lesson
	ada     *page
	say     func(string) string
}

func newLecture(t *testing.T) *lectureRig {
	t.Helper()
	box := boxtest.Start(t, t.TempDir())
	teacher := box.ClaimBox("Ada")
	lesson := teacher.OpenLesson(teacher.AddClass("7B", 20), "Planets")
	ada := newPage(t, laptop)
	ada.as("https://"+box.HTTPS, teacher)
	ada.open("https://" + box.HTTPS + "/teach/" + lesson.Room)
	l := &lectureRig{t: t, box: box, teacher: teacher, lesson: lesson, ada: ada, say: loadWords(t, "en")}
	ada.press(l.say("console.video"))
	ada.press(l.say("call.start"))
	ada.until("the device check", `document.querySelector("[data-part=device-check] video")?.videoWidth > 0`)
	ada.press(l.say("call.go"))
	ada.until("live", `document.querySelector("[data-part=call]")?.dataset.sending === "live"`)
	return l
}

// remote returns a pupil outside the room.
func (l *lectureRig) remote(n int, scheme string) *page {
	l.t.Helper()
	p := newPage(l.t, phone)
	p.as(l.home(scheme), l.box.JoinLesson(l.lesson, l.lesson.Names[n].ID))
	p.open(l.home(scheme) + "/lesson")
	p.press(l.say("onair.remote"))
	return p
}

// home returns the box in the view of a browser on another machine, where no page over plain http
// is secure.
func (l *lectureRig) home(scheme string) string {
	host := map[string]string{"http": l.box.HTTP, "https": l.box.HTTPS}[scheme]
	return scheme + "://" + strings.Replace(host, "127.0.0.1", "livelearn.home", 1)
}

// typedIn returns a remote pupil who types the code and taps a name, in any browser.
func (l *lectureRig) typedIn(p *page, n int, scheme string) *page {
	l.t.Helper()
	p.open(l.home(scheme) + "/")
	p.fill(l.say("join.code"), l.lesson.Code)
	p.press(l.lesson.Names[n].Name)
	p.until("the lesson", `location.pathname === "/lesson"`)
	p.press(l.say("onair.remote"))
	return p
}

const tile = `document.querySelector("figure[data-source=%s] video")`

// sees waits until a picture of a source moves: two different decoded frames.
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

// hears waits for sound that is not silence.
func (p *page) hears() {
	p.t.Helper()
	p.until("sound", `(async () => {
		const s = [...document.querySelectorAll("[data-part=call] audio")].map((a) => a.srcObject).filter(Boolean);
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
	if evalJS[bool](ben, "isSecureContext") || !evalJS[bool](cid, "isSecureContext") {
		t.Fatal("http must be a page that is not secure here, and https one that is")
	}
	fox := startFirefox(t)
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
	evalJS[bool](cid, `((d, get) => (d.getUserMedia = async (c) => { const s = await get(c); window.microphone = s.getAudioTracks()[0] ?? window.microphone; return s; }, true))(navigator.mediaDevices, navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices))`)
	cid.press(l.say("call.accept"))
	cid.until("the check", `document.querySelector("[data-part=device-check] video")?.videoWidth > 0`)
	cid.press(l.say("call.go"))
	l.ada.moves("camera")
	l.ada.hears()

	// A phone call takes the microphone of the pupil's device.
	for _, state := range []struct {
		off bool
		why string
	}{{true, l.say("call.silenced")}, {false, ""}} {
		evalJS[bool](cid, fmt.Sprintf(`(Object.defineProperty(microphone, "muted", {value: %v, configurable: true}), microphone.dispatchEvent(new Event(%v ? "mute" : "unmute")))`, state.off, state.off))
		cid.until("what the device did", `document.querySelector("[data-part=silenced]").innerText === `+quote(state.why))
	}

	installModules(t)
	l.ada.axe("console on air")
	cid.axe("a pupil on air")
	ben.axe("a pupil who watches")

	// The box mutes for the teacher. The pupil cannot undo it.
	l.menu(1)
	l.ada.press(l.say("people.muteMic"))
	cid.until("muted by the teacher", fmt.Sprintf(`[...document.querySelectorAll("button[disabled]")].some((b) => b.innerText.includes(%s))`, quote(l.say("call.mutedBy"))))

	l.ada.press(l.say("call.settings"))
	l.ada.press(l.say("rehearse.open"))
	l.ada.until("all is well", `document.querySelectorAll("[data-mark=good]").length === 5`)
	evalJS[bool](l.ada, `(document.querySelector("dialog[open]").close(), true)`)
	l.ada.press(l.say("call.settings"))
	l.ada.press(l.say("encoders.open"))
	l.ada.press(l.say("encoders.make"))
	l.ada.sees(l.say("encoders.once"))
	l.ada.axe("encoders and players")
	evalJS[bool](l.ada, `(document.querySelector("dialog[open]").close(), true)`)

	l.ada.press(l.say("call.stopall"))
	l.ada.until("no pupil on air", `!document.querySelector("figure[data-source=camera]")`)
	cid.until("nothing is sent", `document.querySelector("[data-part=call]").dataset.sending === "off"`)
	for _, p := range []*page{l.ada, ben, cid} {
		p.noFaults()
	}
}

// menu opens the teacher's actions for a pupil.
func (l *lectureRig) menu(n int) {
	l.t.Helper()
	evalJS[bool](l.ada, fmt.Sprintf(`([...document.querySelectorAll("[data-person]")].find((x) => x.innerText.includes(%s)).querySelector("summary, button").click(), true)`, quote(l.lesson.Names[n].Name)))
}

// A dozen at once. A person who invites learns why an insecure page cannot speak.
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
	all[0].until("the way to the secure page", fmt.Sprintf(`document.querySelector("[data-part=insecure] a").href === %s`, quote(l.home("https")+"/lesson")))
	for _, p := range all {
		p.moves("camera")
		p.noFaults()
	}
}

// charge returns the process of the active media server.
func (l *lectureRig) charge() int {
	l.t.Helper()
	pid := l.inCharge()
	if pid == 0 {
		l.t.Fatal("no media server is in charge")
	}
	return pid
}

// inCharge returns the process of the active media server, or 0 while there is none.
func (l *lectureRig) inCharge() int {
	l.t.Helper()
	for _, n := range l.nodes() {
		if n.Role == media.Active {
			return l.pid(n.Name)
		}
	}
	return 0
}

func (l *lectureRig) nodes() (list []media.NodeState) {
	l.t.Helper()
	if _, err := l.teacher.CallAPI("GET", "/api/admin/media", nil, &list); err != nil {
		l.t.Fatal(err)
	}
	return list
}

// pid finds the process of a media server by the report of its box. It is 0 once the process is gone.
func (l *lectureRig) pid(name string) int {
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
	return 0
}

// standby waits until two media servers run again.
func (l *lectureRig) standby() {
	l.t.Helper()
	ready := func() bool {
		return slices.ContainsFunc(l.nodes(), func(n media.NodeState) bool { return n.Role == media.Standby })
	}
	timetest.WaitUntil(l.t, "the media server that died", ready)
}

// The active media server dies, or hangs. The pictures return within three seconds without a press,
// and chat continues.
func TestPicturesComeBackWhenAMediaServerDies(t *testing.T) {
	l := newLecture(t)
	ben := l.remote(0, "http")
	ben.moves("camera")
	l.ada.press(l.say("console.chat"))
	for _, way := range []struct {
		name string
		end  func(pid int) error
	}{
		{"killed", func(pid int) error { return syscall.Kill(pid, syscall.SIGKILL) }},
		{"hung", func(pid int) error { return syscall.Kill(pid, syscall.SIGSTOP) }},
		{"out of memory", l.starve},
	} {
		before := l.charge()
		ben.watchPicture("camera")
		if err := way.end(before); err != nil {
			t.Fatal(err)
		}
		timetest.WaitUntil(t, "another media server in charge after it was "+way.name, func() bool { return l.inCharge() != before && l.inCharge() != 0 })
		timetest.CheckBudget(t, way.name+": the longest time without a new picture", ben.longestPause(), 3*time.Second)
		sendChat(ben, "said after it was "+way.name, l.say)
		l.ada.sees("said after it was " + way.name)
		l.standby()
	}
}

// TestARestartOfTheProgramKeepsTheLesson restarts only the program, with newer settings, during a
// lesson on air. The pages return by themselves.
func TestARestartOfTheProgramKeepsTheLesson(t *testing.T) {
	l := newLecture(t)
	ben := l.remote(0, "http")
	ben.moves("camera")
	l.ada.press(l.say("console.chat"))
	sendChat(ben, "said before the restart", l.say)
	ben.watchPicture("camera")
	l.box.Stop()
	l.box = l.box.Restart("--set", "media.memory=300")
	t.Logf("the program was ready again %v after its start; the longest time without a new picture: %v", l.box.Ready, ben.longestPause())
	ben.moves("camera")
	ben.sees("said before the restart")
	sendChat(ben, "said after the restart", l.say)
	l.ada.sees("said after the restart")
}

// starve stops a media server from getting more memory, and makes it need some.
func (l *lectureRig) starve(pid int) error {
	none := unix.Rlimit{Cur: 1 << 20, Max: 1 << 20}
	if err := unix.Prlimit(pid, unix.RLIMIT_DATA, &none, nil); err != nil {
		return err
	}
	m := l.teacher.NewMember(l.lesson.Room)
	if _, err := m.Connect(); err != nil {
		return err
	}
	if _, err := m.Join(); err != nil {
		return err
	}
	// Long wrong offers each take room while they are read. A heap with room takes many, so the
	// test sends offers until the server is gone.
	sdp := "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n" + strings.Repeat("m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\n"+strings.Repeat("a=x\r\n", 400), 22)
	for i, end := 0, time.Now().Add(timetest.Patience); syscall.Kill(pid, 0) == nil; i++ {
		if time.Now().After(end) {
			return fmt.Errorf("the media server lives after %d offers", i)
		}
		if _, err := m.SendCommand(wiretest.Command{ID: "starve-" + strconv.Itoa(i), Name: "call.watch", Payload: map[string]any{"session": "starve-0123456789-" + strconv.Itoa(i), "sdp": sdp, "mode": "full"}}); err != nil {
			time.Sleep(50 * time.Millisecond) // the limit of a member
		}
	}
	return nil
}

// watchPicture makes the page note when it shows a new frame of a source, whatever element shows it.
func (p *page) watchPicture(source string) {
	p.t.Helper()
	evalJS[bool](p, fmt.Sprintf(`(() => {
		clearInterval(window.watch?.timer);
		const w = window.watch = { last: performance.now(), worst: 0, frames: 0, bound: null };
		const note = (v) => v.requestVideoFrameCallback(() => {
			if (window.watch !== w || w.bound !== v) return;
			const now = performance.now();
			w.worst = Math.max(w.worst, now - w.last); w.last = now; w.frames++;
			note(v);
		});
		w.timer = setInterval(() => { const v = %s; if (v && v !== w.bound) { w.bound = v; note(v); } }, 20);
		return true;
	})()`, fmt.Sprintf(tile, source)))
	p.until("a frame that is watched", `watch.frames > 0`)
}

// longestPause waits until the picture of watchPicture moves again, and returns the longest time without
// a new frame.
func (p *page) longestPause() time.Duration {
	p.t.Helper()
	evalJS[bool](p, `(watch.frames = 0, true)`)
	p.until("a picture that moves again", `watch.frames >= 10`)
	return time.Duration(evalJS[float64](p, `(clearInterval(watch.timer), watch.worst)`) * float64(time.Millisecond))
}

// The test kills a recording in its middle. The file plays to within its last second, and another
// file continues. Everybody sees the light, and only the teacher is recorded.
func TestARecordingSurvivesItsMediaServer(t *testing.T) {
	l := newLecture(t)
	ben := l.remote(0, "http")
	ben.moves("camera")
	l.ada.press(l.say("call.record"))
	ben.sees(l.say("onair.recorded"))
	l.ada.sees(l.say("onair.recorded"))
	l.waitRecording(t, "the file gets a middle", 3, 30, time.Time{})
	pid := l.charge()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	ben.watchPicture("camera") // which waits for the next frame
	l.waitRecording(t, "the next file gets pictures", 1, 25, killed)
	l.ada.press(l.say("call.recordOff"))
	ben.until("the light to go out", `!document.querySelector("[data-part=recorded]")`)

	files := l.files(t)
	if len(files) < 2 {
		t.Fatalf("%d files: %v", len(files), files)
	}
	// A busy Chromium may change the size of its pictures, and each size begins a file. So several
	// files can end before the kill. The last of them is the one that the kill ended.
	var beforeKill, afterKill struct {
		seconds float64
		frames  int
	}
	unwritten := time.Duration(-1)
	for _, f := range files {
		seconds, frames := probeVideo(t, f)
		info, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		late := killed.Sub(info.ModTime())
		t.Logf("%s: %.1f s, %d frames, last written %v before the end", filepath.Base(f), seconds, frames, late)
		if late <= 0 {
			afterKill.seconds, afterKill.frames = afterKill.seconds+seconds, afterKill.frames+frames
			continue
		}
		beforeKill.seconds, beforeKill.frames = beforeKill.seconds+seconds, beforeKill.frames+frames
		if unwritten < 0 || late < unwritten {
			unwritten = late
		}
	}
	// The server was killed when the files had three seconds and 30 frames.
	if beforeKill.seconds < 2.5 || beforeKill.frames < 20 {
		t.Errorf("the files before the kill have %.1f s and %d frames", beforeKill.seconds, beforeKill.frames)
	}
	if afterKill.frames < 20 {
		t.Errorf("the files after the kill have %d frames", afterKill.frames)
	}
	timetest.CheckBudget(t, "the part that was not written", unwritten, 1500*time.Millisecond)
}

// waitRecording waits until the recordings that were written after a moment have so many seconds and
// frames.
func (l *lectureRig) waitRecording(t *testing.T, what string, seconds float64, frames int, after time.Time) {
	t.Helper()
	timetest.WaitUntil(t, what, func() bool {
		haveSeconds, haveFrames := 0.0, 0
		for _, f := range l.files(t) {
			info, err := os.Stat(f)
			if err != nil || info.ModTime().Before(after) {
				continue
			}
			// A file that is being written may end in the middle of a frame, which is no fault here.
			out, _ := exec.CommandContext(t.Context(), "ffprobe", "-v", "quiet", "-select_streams", "v:0", "-show_entries", "packet=pts_time", "-of", "csv=p=0", f).Output() // our own file
			last := 0.0
			for line := range strings.Lines(string(out)) {
				if at, err := strconv.ParseFloat(strings.Trim(line, " ,\n"), 64); err == nil {
					last, haveFrames = max(last, at), haveFrames+1
				}
			}
			haveSeconds += last
		}
		return haveSeconds >= seconds && haveFrames >= frames
	})
}

// files returns the recordings, oldest first.
func (l *lectureRig) files(t *testing.T) (list []string) {
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

// probeVideo makes ffprobe decode a file.
func probeVideo(t *testing.T, file string) (seconds float64, frames int) {
	t.Helper()
	out, err := exec.Command("ffprobe", "-v", "error", "-count_frames", "-select_streams", "v:0", // our own file
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
