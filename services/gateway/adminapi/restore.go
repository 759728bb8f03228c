package adminapi

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/livelearn/box/services/gateway/httpapi"
)

// Restore brings back the box of a backup: *restore.Service. A backup is received, checked and
// committed, and the box restarts with its data.
type Restore interface {
	Status() RestoreStatus
	// Receive stores an uploaded backup of the given size, or of -1 for one that is not known.
	Receive(r io.Reader, size int64) error
	// Check reads all of the received backup and changes nothing. The passphrase is empty for a
	// backup that is not encrypted.
	Check(passphrase string) error
	// Commit restores the checked backup and restarts the box. name repeats the name of this box, and
	// by is the name of the admin.
	Commit(name string, otherBox bool, by string) error
	// Discard forgets the received backup.
	Discard() error
}

// RestoreStep says how far the restore of a backup is.
type RestoreStep string

// The steps, in their order.
const (
	RestoreEmpty     RestoreStep = "empty"
	RestoreReceiving RestoreStep = "receiving"
	RestoreReceived  RestoreStep = "received"
	RestoreChecking  RestoreStep = "checking"
	RestoreChecked   RestoreStep = "checked"
	RestoreCommitted RestoreStep = "committed" // the box restarts
)

// RestoreStatus is the state of a restore.
type RestoreStatus struct {
	Step      RestoreStep    `json:"step" enum:"empty,receiving,received,checking,checked,committed"`
	Size      int64          `json:"size,omitempty" doc:"Of the received backup, in bytes."`
	Encrypted bool           `json:"encrypted,omitempty" doc:"The received backup needs its passphrase."`
	Report    *RestoreReport `json:"report,omitempty" doc:"What the restore would change."`
	Last      *LastRestore   `json:"last,omitempty" doc:"The last restore of this box."`
}

// RestoreReport says what a restore would change.
type RestoreReport struct {
	Made       time.Time     `json:"made"`
	Version    string        `json:"version" doc:"Of the program that made the backup."`
	OtherBox   bool          `json:"otherBox" doc:"The backup is of another box."`
	LessonOpen bool          `json:"lessonOpen" doc:"A lesson is open on this box. It must end before the restore."`
	Backup     BoxContents   `json:"backup"`
	Box        BoxContents   `json:"box"`
	Lost       []LostContent `json:"lost" doc:"What this box has and the backup has not."`
}

// BoxContents counts what a box or a backup holds.
type BoxContents struct {
	Name    string `json:"name"`
	Staff   int    `json:"staff"`
	Classes int    `json:"classes"`
	Pupils  int    `json:"pupils"`
	Lessons int    `json:"lessons"`
	Quizzes int    `json:"quizzes"`
	Decks   int    `json:"decks"`
}

// LostContent is one kind of what a restore removes.
type LostContent struct {
	Kind  string   `json:"kind" enum:"staff,classes,pupils,lessons,quizzes,decks"`
	Count int      `json:"count"`
	Names []string `json:"names" doc:"The first of them."`
}

// LastRestore records a restore that is done.
type LastRestore struct {
	At      time.Time `json:"at"`
	Made    time.Time `json:"made" doc:"When the backup was made."`
	Version string    `json:"version"`
	Aside   string    `json:"aside" doc:"The folder of what was replaced."`
	By      string    `json:"by,omitempty" doc:"The admin who asked for it; empty: a command on the machine."`
}

// The operations that take long: they receive and read a whole backup.
const (
	RestoreFilePath  = "/api/admin/restore/file"
	RestoreCheckPath = "/api/admin/restore/check"
)

// restoreAPI holds the operations that restore a backup.
type restoreAPI struct {
	restore Restore
	log     *slog.Logger
}

type (
	checkBackupBody struct {
		Body struct {
			Passphrase string `json:"passphrase,omitempty" maxLength:"1000"`
		}
	}
	commitRestoreBody struct {
		Body struct {
			Name     string `json:"name" maxLength:"400" doc:"The name of this box, which confirms the restore."`
			OtherBox bool   `json:"otherBox,omitempty" doc:"Also a backup of another box."`
		}
	}
	restoreResponse = httpapi.Body[RestoreStatus]
)

func (a *restoreAPI) registerRestore(ops httpapi.Operations) {
	const one = "/api/admin/restore"
	httpapi.Add(ops, http.MethodGet, one, "restore", "How far the restore of a backup is", httpapi.Admin,
		func(context.Context, *struct{}) (*restoreResponse, error) { return a.respond(nil) })
	httpapi.Add(ops, http.MethodPost, RestoreFilePath, "receiveBackup", "Upload a backup. The body is the file", httpapi.Admin,
		func(ctx context.Context, _ *struct{}) (*restoreResponse, error) {
			r := httpapi.RequestOf(ctx)
			return a.logged(ctx, "backup received", a.restore.Receive(r.Body, r.ContentLength))
		}, httpapi.WithUpload("application/octet-stream"), httpapi.Audited("backup.received", ""))
	httpapi.Add(ops, http.MethodPost, RestoreCheckPath, "checkBackup", "Check the uploaded backup, and say what a restore would change", httpapi.Admin,
		func(ctx context.Context, in *checkBackupBody) (*restoreResponse, error) {
			return a.logged(ctx, "backup checked", a.restore.Check(in.Body.Passphrase))
		})
	httpapi.Add(ops, http.MethodPost, one, "commitRestore", "Restore the checked backup. The box restarts", httpapi.Admin,
		func(ctx context.Context, in *commitRestoreBody) (*restoreResponse, error) {
			return a.logged(ctx, "restore confirmed", a.restore.Commit(in.Body.Name, in.Body.OtherBox, httpapi.CallerOf(ctx).Name))
		}, httpapi.WithFreshPIN) // the box records it when it has restarted, in the log of the backup
	httpapi.Add(ops, http.MethodDelete, one, "discardBackup", "Forget the uploaded backup", httpapi.Admin,
		func(ctx context.Context, _ *struct{}) (*restoreResponse, error) {
			return a.logged(ctx, "uploaded backup discarded", a.restore.Discard())
		})
}

// logged logs who did what, without the passphrase.
func (a *restoreAPI) logged(ctx context.Context, what string, err error) (*restoreResponse, error) {
	if err != nil {
		a.log.Warn(what, "user", httpapi.CallerOf(ctx).User, "err", err)
	} else {
		a.log.Info(what, "user", httpapi.CallerOf(ctx).User)
	}
	return a.respond(err)
}

func (a *restoreAPI) respond(err error) (*restoreResponse, error) {
	if err != nil {
		return nil, err
	}
	return &restoreResponse{Body: a.restore.Status()}, nil
}
