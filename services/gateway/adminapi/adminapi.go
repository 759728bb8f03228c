// Package adminapi holds the operations of admins: accounts, diagnostics, privacy, updates,
// the machine, the media nodes and the cloud.
package adminapi

import (
	"context"
	"io"
	"log/slog"
	"net/http"

	"github.com/livelearn/box/services/gateway/httpapi"
	"github.com/livelearn/box/services/health"
	"github.com/livelearn/box/services/jobs"
	"github.com/livelearn/box/services/room"
	"github.com/livelearn/box/services/roster"
	"github.com/livelearn/box/services/session"
	"github.com/livelearn/box/services/supervise"
)

// Deps holds what the operations of admins need.
type Deps struct {
	Roster   *roster.Roster
	Rooms    *room.Rooms
	Sessions *session.Hub
	History  *health.History
	Jobs     *jobs.Jobs
	Reports  *supervise.Reports
	Callers  *httpapi.Callers
	Audit    httpapi.Audit
	Log      *slog.Logger
	Version  string

	Tree        func() supervise.Status // everything that runs
	LogTail     func() []string         // the last lines of the log
	Backup      Backup                  // writes a whole backup
	Restore     Restore
	Acknowledge func(check string) error           // ends the warning of a check that data was lost
	KickDevices func(user string, hashes []string) // closes the sockets of devices whose tokens are void
	// Export writes all data of the box about a pupil.
	Export func(ctx context.Context, pupil string, w io.Writer) error
	// Erase queues the job that erases a pupil.
	Erase   func(ctx context.Context, pupil, by string) (jobs.Job, error)
	Media   Media                         // nil: this box has no media nodes
	Update  Update                        // nil: this machine has one system only
	Machine Machine                       // nil: this box is a program on another machine
	Cloud   Cloud                         // nil: this box talks to no cloud
	Boxes   Boxes                         // nil: this box connects to no other
	Addrs   func() (plain, secure string) // the addresses of the listeners
	// LocalNames are the multicast DNS names of the box. The last one comes from its name.
	LocalNames func() []string
	Network    NetworkChecker
	Words      func() string                    // four words of the box's key, empty without HTTPS
	Wifi       func() (name, passphrase string) // of the box itself, empty while it makes none; may be nil
}

// Backup writes a whole backup. With a passphrase the backup is encrypted.
type Backup func(w io.Writer, passphrase string) error

// accountAPI holds the operations on the accounts of staff, and on the settings.
type accountAPI struct {
	roster      *roster.Roster
	sessions    *session.Hub
	kickDevices func(user string, hashes []string)
}

// diagnosticsAPI holds the operations on the state of the box, and the backup.
type diagnosticsAPI struct {
	rooms       *room.Rooms
	history     *health.History
	jobs        *jobs.Jobs
	reports     *supervise.Reports
	log         *slog.Logger
	tree        func() supervise.Status
	logTail     func() []string
	backup      Backup
	acknowledge func(check string) error
}

// privacyAPI holds the operations that export and erase a pupil.
type privacyAPI struct {
	roster *roster.Roster
	log    *slog.Logger
	export func(ctx context.Context, pupil string, w io.Writer) error
	erase  func(ctx context.Context, pupil, by string) (jobs.Job, error)
}

// cloudAPI holds the operations on the link to the cloud.
type cloudAPI struct {
	cloud Cloud
	log   *slog.Logger
}

// machineAPI holds the operations on the appliance and its network.
type machineAPI struct {
	machine Machine
	roster  *roster.Roster
	log     *slog.Logger
}

// mediaAPI holds the operations on the media nodes.
type mediaAPI struct{ media Media }

// updateAPI holds the operations on updates.
type updateAPI struct {
	update  Update
	callers *httpapi.Callers
	audit   httpapi.Audit
	log     *slog.Logger
	version string
}

// Register adds the operations to ops, and the upload of a bundle to mux.
func Register(mux *http.ServeMux, ops httpapi.Operations, d Deps) {
	accounts := &accountAPI{d.Roster, d.Sessions, d.KickDevices}
	accounts.registerAccounts(ops)
	diagnostics := &diagnosticsAPI{d.Rooms, d.History, d.Jobs, d.Reports, d.Log, d.Tree, d.LogTail, d.Backup, d.Acknowledge}
	diagnostics.registerDiagnostics(ops)
	restore := &restoreAPI{d.Restore, d.Log}
	restore.registerRestore(ops)
	privacy := &privacyAPI{d.Roster, d.Log, d.Export, d.Erase}
	privacy.registerPrivacy(ops)
	link := &cloudAPI{d.Cloud, d.Log}
	link.registerCloud(ops)
	machine := &machineAPI{d.Machine, d.Roster, d.Log}
	machine.registerMachine(ops)
	checks := &networkCheckAPI{d.Network}
	checks.registerNetworkCheck(ops)
	stuckOn := &labelAPI{d.Addrs, d.LocalNames, d.Words, d.Wifi}
	stuckOn.registerLabel(ops)
	nodes := &mediaAPI{d.Media}
	nodes.registerMedia(ops)
	school := &boxesAPI{d.Boxes}
	school.registerBoxes(ops)
	updates := &updateAPI{d.Update, d.Callers, d.Audit, d.Log, d.Version}
	updates.registerUpdate(mux, ops)
	acts := &auditAPI{d.Audit.Log, d.Roster}
	acts.registerAudit(ops)
}
