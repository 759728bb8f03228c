package pg

import (
	"cmp"
	"context"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/crypto/ssh"

	"github.com/livelearn/box/services/errs"
)

// The kinds of a push.
const (
	PushXAPI      = "xapi"      // statements to a learning record store
	PushOneRoster = "oneroster" // a file to a school's system
)

const (
	maxAddress = 2000
	maxSecret  = 8000 // a private key of RSA
	maxProblem = 300
)

// loginFields are what people call Login.
var loginFields = map[string]string{PushXAPI: "key", PushOneRoster: "login"}

// PushSettings say where the results of a school go by themselves.
type PushSettings struct {
	School  string
	Kind    string
	Address string
	Login   string // key of a record store
	Secret  string
	HostKey string // of an SFTP server, as in known_hosts: type and base64
	Home    string // address of the cloud in statements
	Every   time.Duration
}

// Push is the state of a push, without its secret.
type Push struct {
	School    string     `json:"school"`
	Kind      string     `json:"kind"`
	Address   string     `json:"address"`
	Login     string     `json:"login,omitempty"`
	Sent      int64      `json:"sent"` // statements or files
	Refused   int64      `json:"refused"`
	Failures  int        `json:"failures"` // in a row
	Problem   string     `json:"problem,omitempty"`
	Tried     *time.Time `json:"tried,omitempty"`
	Succeeded *time.Time `json:"succeeded,omitempty"`
	Next      time.Time  `json:"next"`
}

// PushJob is a push that a node does now.
type PushJob struct {
	PushSettings
	Cursor   string
	Failures int
}

// PushOutcome is what became of a PushJob.
type PushOutcome struct {
	Cursor        string
	Sent, Refused int
	Problem       string        // empty: it succeeded
	Wait          time.Duration // until the next one
}

// SetPush makes or changes the push of a kind. With the same address it goes on where it is, with
// another one it begins with the first lesson.
func (s *Store) SetPush(ctx context.Context, p PushSettings) error {
	if err := p.check(); err != nil {
		return err
	}
	d := Deed{School: p.School, Action: "push set", Object: p.Kind, Detail: p.Address}
	return s.change(ctx, "SetPush", d, func(tx pgx.Tx, _ *Deed) error {
		tag, err := tx.Exec(ctx, `insert into livelearn.pushes as p (school, kind, address, login, secret, host_key, home, every)
			select id, $2, $3, $4, $5, $6, $7, make_interval(secs => $8) from livelearn.schools where name = $1
			on conflict (school, kind) do update set address = excluded.address, login = excluded.login, secret = excluded.secret, host_key = excluded.host_key,
				home = excluded.home, every = excluded.every, failures = 0, problem = '', next = now(),
				cursor = case when p.address = excluded.address then p.cursor else '' end,
				sent = case when p.address = excluded.address then p.sent else 0 end, refused = case when p.address = excluded.address then p.refused else 0 end`,
			p.School, p.Kind, p.Address, p.Login, p.Secret, p.HostKey, p.Home, p.Every.Seconds())
		if err == nil && tag.RowsAffected() == 0 {
			err = errNoSchool("SetPush", p.School)
		}
		return err
	})
}

func (p PushSettings) check() error {
	bad := func(field string, most int64, format string, args ...any) error {
		return errs.NewField("pg.SetPush", field, "bad_push", most, format, args...)
	}
	u, err := url.Parse(p.Address)
	switch {
	case p.Kind != PushXAPI && p.Kind != PushOneRoster:
		return bad("kind", 0, "must be %s or %s", PushXAPI, PushOneRoster)
	case err != nil || len(p.Address) > maxAddress || cleanText(p.Address) != p.Address:
		return bad("address", maxAddress, "must be an address of at most %d bytes", maxAddress)
	case len(p.Login) > maxName || cleanText(p.Login) != p.Login || strings.Contains(p.Login, ":"):
		return bad(loginFields[p.Kind], maxName, "must have at most %d bytes, and no colon", maxName)
	case len(p.Secret) > maxSecret || cleanText(p.Secret) != p.Secret:
		return bad("secret", maxSecret, "must have at most %d bytes", maxSecret)
	case p.Every < time.Minute || p.Every > 31*24*time.Hour:
		return bad("every", int64((31 * 24 * time.Hour).Seconds()), "must be 1 minute to 31 days")
	case p.Kind == PushXAPI:
		return p.checkStore(u, bad)
	}
	return p.checkFolder(u, bad)
}

// checkFolder checks the settings of a folder on the node or on an SFTP server.
func (p PushSettings) checkFolder(u *url.URL, bad func(string, int64, string, ...any) error) error {
	_, _, _, rest, err := ssh.ParseAuthorizedKey([]byte(p.HostKey))
	switch {
	case u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Path == "":
		return bad("address", 0, "must be like sftp://sis.example/inbox or file:///srv/inbox, with the login apart")
	case u.Scheme == "file" && u.Host == "":
		return nil
	case u.Scheme != "sftp" || u.Host == "":
		return bad("address", 0, "must begin with sftp:// or file:///")
	case p.Login == "" || p.Secret == "":
		return bad(loginFields[PushOneRoster], 0, "an SFTP server needs a login, and its password or private key")
	case err != nil || len(rest) > 0 || len(p.HostKey) > maxSecret:
		return bad("host-key", maxSecret, "must be the key of the server, such as \"ssh-ed25519 AAAA...\", as ssh-keyscan prints it after the name")
	}
	return nil
}

// checkStore checks the settings of a record store. Its secret goes over TLS, or stays on the machine.
func (p PushSettings) checkStore(u *url.URL, bad func(string, int64, string, ...any) error) error {
	home, err := url.Parse(p.Home)
	switch {
	case u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return bad("address", 0, "must be like https://lrs.example/xapi, with the key and the secret apart")
	case u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())):
		return bad("address", 0, "must begin with https://")
	case p.Login == "" || p.Secret == "":
		return bad(loginFields[PushXAPI], 0, "a record store needs a key and a secret")
	case err != nil || home.Scheme != "https" && home.Scheme != "http" || home.Host == "" || len(p.Home) > maxAddress:
		return bad("home", maxAddress, "must be the address of the cloud, such as https://cloud.example:8443")
	}
	return nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// StopPush ends a push. What was sent stays where it is.
func (s *Store) StopPush(ctx context.Context, school, kind string) error {
	d := Deed{School: school, Action: "push stopped", Object: kind}
	return s.change(ctx, "StopPush", d, func(tx pgx.Tx, _ *Deed) error {
		tag, err := tx.Exec(ctx, `delete from livelearn.pushes p using livelearn.schools s where s.id = p.school and s.name = $1 and p.kind = $2`, school, kind)
		if err == nil && tag.RowsAffected() == 0 {
			err = errs.NewCode("pg.StopPush", errs.Missing, "no_push", "%q has no push of this kind", school)
		}
		return err
	})
}

// Pushes returns the pushes of a school, or of all.
func (s *Store) Pushes(ctx context.Context, school string) ([]Push, error) {
	rows, err := s.pool.Query(ctx, `select s.name, p.kind, p.address, p.login, p.sent, p.refused, p.failures, p.problem, p.tried, p.succeeded, p.next
		from livelearn.pushes p join livelearn.schools s on s.id = p.school where $1 = '' or s.name = $1 order by s.name, p.kind`, school)
	if err != nil {
		return nil, wrapError("Pushes", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Push])
	return list, wrapError("Pushes", err)
}

// ClaimPush returns a push whose time has come, or nil. For the time of the lease no other node gets it.
func (s *Store) ClaimPush(ctx context.Context, lease time.Duration) (*PushJob, error) {
	var j PushJob
	var secs float64
	err := s.pool.QueryRow(ctx, `update livelearn.pushes p set next = now() + make_interval(secs => $1), tried = now() from livelearn.schools s
		where s.id = p.school and (p.school, p.kind) = (select school, kind from livelearn.pushes where next <= now() order by next limit 1 for update skip locked)
		returning s.name, p.kind, p.address, p.login, p.secret, p.host_key, p.home, extract(epoch from p.every)::float8, p.cursor, p.failures`, lease.Seconds(),
	).Scan(&j.School, &j.Kind, &j.Address, &j.Login, &j.Secret, &j.HostKey, &j.Home, &secs, &j.Cursor, &j.Failures)
	if isNoRows(err) {
		return nil, nil
	}
	j.Every = time.Duration(secs * float64(time.Second))
	return &j, wrapError("ClaimPush", err)
}

// ReleasePush gives a job back, for another node.
func (s *Store) ReleasePush(ctx context.Context, j *PushJob) error {
	_, err := s.pool.Exec(ctx, `update livelearn.pushes p set next = now() from livelearn.schools s
		where s.id = p.school and s.name = $1 and p.kind = $2 and p.cursor = $3 and p.address = $4`, j.School, j.Kind, j.Cursor, j.Address)
	return wrapError("ReleasePush", err)
}

// FinishPush records what became of a job. It reports false if the push was changed or stopped
// meanwhile, or another node went on with it.
func (s *Store) FinishPush(ctx context.Context, j *PushJob, o PushOutcome) (bool, error) {
	tag, err := s.pool.Exec(ctx, `update livelearn.pushes p set cursor = $4, sent = sent + $5, refused = refused + $6, problem = $7,
			failures = case when $7 = '' then 0 else failures + 1 end, succeeded = case when $7 = '' then now() else succeeded end, next = now() + make_interval(secs => $8)
		from livelearn.schools s where s.id = p.school and s.name = $1 and p.kind = $2 and p.cursor = $3 and p.address = $9`,
		j.School, j.Kind, j.Cursor, o.Cursor, o.Sent, o.Refused, cleanText(o.Problem[:min(len(o.Problem), maxProblem)]), o.Wait.Seconds(), j.Address)
	return tag.RowsAffected() == 1, wrapError("FinishPush", err)
}

// StatementsToPush returns the next statements of a school in the order of commits, at most most,
// and the cursor after them, also at the end. They are in the form in which a client sends them.
func (s *Store) StatementsToPush(ctx context.Context, j *PushJob, most int) (list []PushedStatement, cursor string, more bool, err error) {
	at, err := parseBookmark(j.Cursor)
	if err != nil {
		return nil, "", false, err
	}
	q := StatementQuery{School: j.School, Home: j.Home, Ascending: true, Limit: most}
	at, more, err = s.readLines(ctx, q, at, func(l line) error {
		raw, id, err := l.toPushed(q.Home)
		list = append(list, PushedStatement{ID: id, Data: raw})
		return err
	})
	if at != nil {
		cursor = at.String()
	}
	return list, cmp.Or(cursor, j.Cursor), more, wrapError("StatementsToPush", err)
}
