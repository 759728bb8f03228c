package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/security"
	"github.com/chromedp/chromedp"
	"github.com/jackc/pgx/v5"
	"github.com/pquerna/otp/totp"

	"github.com/livelearn/box/firmware/boxtest"
	"github.com/livelearn/box/services/cloud/cloudtest"
)

// fleetSQL adds two schools with boxes of each state.
const fleetSQL = `
insert into livelearn.schools (name, silent_hours) values ('Hill School', 72), ('École Élémentaire de la Rivière-aux-Renards du Nord', 24);
insert into livelearn.boxes (id, school, name, version, enrolled, seen, position, incarnation) select * from (values
	('9f3ac21bd04e77aa', 1, 'Room 12', '1.4.0', now() - interval '90 days', now() - interval '3 minutes', 48120, 1),
	('4kq7x2m', 1, 'Science lab', '1.4.0', now() - interval '90 days', now() - interval '20 hours', 311, 1),
	('b-silent', 1, 'Library', '1.3.2', now() - interval '90 days', now() - interval '5 days', 0, 1),
	('b-never', 2, 'A box with a name that is longer than most of the names that people give', '', now(), null, 0, null),
	('b-gone', 2, 'Lost', '1.2.0', now() - interval '90 days', now() - interval '40 days', 0, 1)) b (id, school, name, version, enrolled, seen, position, incarnation);
update livelearn.boxes set revoked = now() where id = 'b-gone';
insert into livelearn.watermarks (box, incarnation, pos, facts) values ('9f3ac21bd04e77aa', 1, 47000, 46990), ('4kq7x2m', 1, 311, 309);
insert into livelearn.dead_letters (school, box, incarnation, pos, stream, epoch, seq, boot, mono, kind, code, text)
	values (1, '4kq7x2m', 1, 7, 'room:c1', 1, 1, 1, 1, 'quiz.answered', '22P05', 'unsupported Unicode escape sequence'), (1, '4kq7x2m', 1, 8, 'room:c1', 1, 2, 1, 1, 'quiz.answered', '22P05', 'unsupported Unicode escape sequence');
select livelearn.ensure_month(now());
insert into livelearn.facts (epoch, seq, incarnation, pos, boot, mono, wall, school, version, trusted, stream, box, kind, payload)
	values (1, 1, 1, 1, 1, 1, now(), 1, 1, true, 'report@9f3ac21bd04e77aa', '9f3ac21bd04e77aa', 'box.reported',
	'{"version":"1.4.0","worst":"warn","checks":[{"name":"disk","level":"warn","code":"disk_low","text":"2 GB are free"},{"name":"network","level":"ok"}]}');
insert into livelearn.pushes (school, kind, address, every, sent, refused, failures, problem, succeeded) values
	(1, 'xapi', 'https://lrs.example/data/xAPI', interval '1 minute', 48200, 3, 0, '', now() - interval '1 minute'),
	(1, 'oneroster', 'sftp://sis.hill.example/~/inbox', interval '1 day', 12, 0, 2, 'the server refuses the connection, or has another host key: ssh: handshake failed: ssh: host key mismatch', now() - interval '2 days'),
	(2, 'oneroster', 'file:///srv/inbox', interval '1 day', 0, 0, 0, '', null);
update livelearn.pushes set next = now() + interval '1 hour';
insert into livelearn.releases (board, version, build, url) values ('pi5', '1.5.0', 150, 'https://releases.example/pi5-1.5.0.livelearn'), ('pi4', '1.5.0', 150, 'https://releases.example/pi4-1.5.0.livelearn');
insert into livelearn.rollouts (release, stages, stage, state, why, night, started) values
	(1, '{1,10%,all}', 2, 'stopped', '4kq7x2m: the signature is from a key that the box does not know', true, now() - interval '2 days'),
	(2, '{"school:École Élémentaire de la Rivière-aux-Renards du Nord",all}', 1, 'running', '', false, now());
insert into livelearn.rollout_boxes (rollout, box, stage, offered, state, code, reason, reported) values
	(1, '9f3ac21bd04e77aa', 1, now() - interval '2 days', 'installed', '', '', now() - interval '1 day'),
	(1, '4kq7x2m', 2, now() - interval '1 day', 'failed', 'foreign_key', 'the signature is from a key that the box does not know', now() - interval '1 hour'),
	(1, 'b-silent', 2, null, '', '', '', null), (2, 'b-never', 1, now(), '', '', '', null);`

// arrives waits for a text after a form or a link has led to another document.
func (p *page) arrives(text string) {
	p.t.Helper()
	p.until(text, `document.readyState === "complete" && document.body.innerText.includes(`+quote(text)+`)`)
}

// TestAnOperatorUsesThePagesOfANode sets an account up, and looks at each page on a phone and a
// laptop, in the light and in the dark.
func TestAnOperatorUsesThePagesOfANode(t *testing.T) {
	installModules(t)
	c := boxtest.StartCloud(t, t.TempDir(), cloudtest.Postgres(t))
	db, err := pgx.Connect(t.Context(), c.DB)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close(context.WithoutCancel(t.Context())) }()
	if _, err := db.Exec(t.Context(), fleetSQL); err != nil {
		t.Fatal(err)
	}
	setup, _, _ := strings.Cut(c.RunCommand("operator", "add", "ada"), "\n")

	p := newPage(t, phone)
	p.do(chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error { // the node's certificate is its own
		_, err := cdp.Call(ctx, tab, security.SetIgnoreCertificateErrors, security.SetIgnoreCertificateErrorsParams{Ignore: true})
		return err
	}))
	p.open(c.Addr + "/")
	p.arrives("Set up a new account")
	p.axe("sign in")
	p.shot("signin")
	p.press("Set up a new account")
	p.arrives("New password again")
	p.fill("Name", "ada")
	p.fill("Set-up code", setup)
	p.fill("New password", "correct horse battery")
	p.fill("New password again", "correct horse battery")
	p.axe("set up")
	p.press("Go on")
	p.arrives("Scan this")
	p.axe("the second factor")
	p.shot("setup")
	code, err := totp.GenerateCode(evalJS[string](p, `document.querySelector(".secret").innerText`), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	p.fill("Type the code", code)
	p.press("Finish")
	p.arrives("Your account is ready.")
	p.fill("Name", "ada")
	p.fill("Password", "correct horse battery")
	p.fill("Code", code)
	p.press("Sign in")
	p.arrives("1 silent")

	for _, look := range []struct {
		name, theme string
		size        [2]int64
	}{{"phone-light", "light", [2]int64{390, 844}}, {"narrow-dark", "dark", [2]int64{320, 640}}, {"laptop-dark", "dark", laptop}, {"laptop-light", "light", laptop}} {
		p.do(chromedp.EmulateViewport(look.size[0], look.size[1]))
		p.do(chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
			features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: look.theme}}
			_, err := cdp.Call(ctx, tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features})
			return err
		}))
		for name, at := range map[string]string{
			"fleet": "/", "box": "/box?id=9f3ac21bd04e77aa", "revoke": "/revoke?id=9f3ac21bd04e77aa", "remove": "/remove?id=4kq7x2m",
			"schools": "/schools", "audit": "/audit", "error": "/box?id=none", "updates": "/updates", "update-stopped": "/update?id=1", "update-runs": "/update?id=2",
		} {
			p.open(c.Addr + at)
			p.until(name, `document.querySelector("main h1")`)
			p.axe(name + " " + look.name)
			p.shot(name + "-" + look.name)
			if wide := evalJS[[2]int](p, `[document.documentElement.scrollWidth, innerWidth]`); wide[0] > wide[1] {
				t.Errorf("%s %s: %d wide in a window of %d", name, look.name, wide[0], wide[1])
			}
		}
	}

	p.open(c.Addr + "/")
	p.fill("Search", "lab")
	p.press("Search")
	p.until("the lab only", `document.querySelectorAll("tbody tr").length === 1`)
	p.press("Science lab")
	p.fill("Name here", "Chemistry")
	p.press("Rename")
	p.arrives("The box has its new name.")
	p.press("Revoke…")
	p.arrives("Revoke this box?")
	p.press("Revoke the box")
	p.arrives("The box is revoked.")
	p.press("Remove…")
	p.arrives("Its 2 refused facts are deleted for good.")
	p.press("Remove the box")
	p.arrives("The box is removed.")
	p.press("Audit log")
	p.arrives("box removed 4kq7x2m")
	p.press("Sign out")
	p.arrives("Set up a new account")
	p.noFaults()
}
