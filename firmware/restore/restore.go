// Package restore brings the box of a backup back while this box runs, for the admin page. Package
// firmware makes one Service, and the gateway calls it.
//
//	Receive -> restore/upload -> Check -> restore/*.db -> Commit -> mark -> restart -> FinishRestore
//
// Promises:
//   - Nothing of the box changes before Commit, and Commit takes only a backup that was read to
//     its end and checked.
//   - A crash before the mark is on disk leaves the old box. A crash after it leaves the new one.
//   - The passphrase is neither stored nor logged.
package restore

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/livelearn/box/firmware/backup"
	"github.com/livelearn/box/firmware/datafolder"
	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/gateway/adminapi"
	"github.com/livelearn/box/services/library"
	"github.com/livelearn/box/services/roster"
)

const (
	maxUpload = 64 << 30 // bytes of a backup
	reserve   = 64 << 20 // bytes of the disk that stay free
)

// Deps are the dependencies of a Service.
type Deps struct {
	Folder  *datafolder.Folder
	Roster  *roster.Roster
	Library *library.Library
	Restart func() // ends the box, which finishes the restore
}

// Service is one restore at a time. Any goroutine may call its methods.
type Service struct {
	deps Deps

	mu       sync.Mutex // guards the fields below
	status   adminapi.RestoreStatus
	manifest backup.Manifest // of the checked backup
}

// New makes a service without a backup.
func New(deps Deps) *Service {
	return &Service{deps: deps, status: adminapi.RestoreStatus{Step: adminapi.RestoreEmpty}}
}

// Status returns how far the restore is.
func (s *Service) Status() adminapi.RestoreStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	status := s.status
	if last := backup.ReadRestored(s.deps.Folder.Path); last != nil {
		status.Last = new(adminapi.LastRestore(*last))
	}
	return status
}

// begin starts the work of a step. errs.Busy: another one is under way.
func (s *Service) begin(step adminapi.RestoreStep) (before adminapi.RestoreStatus, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch s.status.Step {
	case adminapi.RestoreReceiving, adminapi.RestoreChecking, adminapi.RestoreCommitted:
		return before, errs.NewCode("restore", errs.Busy, "restore_busy", "another restore is under way")
	}
	before, s.status.Step = s.status, step
	return before, nil
}

func (s *Service) finish(status adminapi.RestoreStatus) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = status
}

// clear removes the staged files.
func (s *Service) clear() error {
	err := os.RemoveAll(s.deps.Folder.PathOf(datafolder.StagingDir))
	s.finish(adminapi.RestoreStatus{Step: adminapi.RestoreEmpty})
	return err
}

// Discard implements adminapi.Restore.
func (s *Service) Discard() error {
	if _, err := s.begin(adminapi.RestoreChecking); err != nil {
		return err
	}
	return s.clear()
}

func (s *Service) uploadPath() string {
	return filepath.Join(s.deps.Folder.PathOf(datafolder.StagingDir), datafolder.UploadFile)
}

// Receive implements adminapi.Restore. It replaces a backup that was received before.
func (s *Service) Receive(r io.Reader, size int64) error {
	if _, err := s.begin(adminapi.RestoreReceiving); err != nil {
		return err
	}
	status, err := s.storeUpload(r, size)
	if err != nil {
		return errors.Join(describe(err), s.clear())
	}
	s.finish(status)
	return nil
}

func (s *Service) storeUpload(r io.Reader, size int64) (status adminapi.RestoreStatus, err error) {
	stage := s.deps.Folder.PathOf(datafolder.StagingDir)
	if err := errors.Join(os.RemoveAll(stage), os.MkdirAll(stage, 0o700)); err != nil {
		return status, err
	}
	limit, err := roomFor(s.deps.Folder.Path)
	if err != nil {
		return status, err
	}
	if size > limit {
		return status, errTooLarge(limit)
	}
	f, err := os.OpenFile(s.uploadPath(), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return status, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	n, err := io.Copy(f, io.LimitReader(r, limit+1))
	switch {
	case err != nil:
		return status, err
	case n > limit:
		return status, errTooLarge(limit)
	case size >= 0 && n != size:
		return status, errs.NewCode("restore", errs.Invalid, "truncated", "%d of %d bytes arrived", n, size)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return status, err
	}
	return adminapi.RestoreStatus{Step: adminapi.RestoreReceived, Size: n, Encrypted: backup.IsEncrypted(f)}, nil
}

// roomFor returns how large a backup may be: its upload and its files share the free space.
func roomFor(data string) (int64, error) {
	free, err := datafolder.FreeBytes(data)
	return min(maxUpload, max(0, (free-reserve)/2)), err
}

func errTooLarge(limit int64) error {
	if limit >= maxUpload {
		return errs.NewField("restore", "file", "too_large", limit, "a backup has at most %d bytes", limit)
	}
	return errs.NewCode("restore", errs.Down, "restore_no_space", "the disk has room for a backup of %d bytes", limit)
}

// describe gives an error of the disk its kind, and a full disk its code.
func describe(err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return errs.NewCode("restore", errs.Down, "restore_no_space", "the disk is full: %v", err)
	case errors.As(err, new(*errs.Error)):
		return err
	}
	return errs.New("restore", errs.Down, err)
}

// Check implements adminapi.Restore. A refused backup is removed, except for one whose passphrase
// is missing or wrong.
func (s *Service) Check(passphrase string) error {
	before, err := s.begin(adminapi.RestoreChecking)
	if err != nil {
		return err
	}
	if before.Step != adminapi.RestoreReceived {
		s.finish(before)
		return errs.NewCode("restore", errs.Stale, "no_backup", "there is no backup to check: upload it again")
	}
	status := before
	m, err := s.unpack(passphrase)
	if err == nil {
		status.Report, err = s.report(m)
	}
	switch {
	case errs.KindOf(err) == errs.Denied:
		s.finish(before)
		return err
	case err != nil:
		return errors.Join(describe(err), s.clear())
	}
	status.Step = adminapi.RestoreChecked
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status, s.manifest = status, m
	return nil
}

// unpack unpacks and checks the uploaded file, and removes it.
func (s *Service) unpack(passphrase string) (m backup.Manifest, err error) {
	f, err := os.Open(s.uploadPath())
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	plain, err := backup.Decrypt(f, passphrase)
	if err != nil {
		return m, err
	}
	if m, err = backup.Unpack(s.deps.Folder.PathOf(datafolder.StagingDir), plain); err != nil {
		return m, err
	}
	return m, os.Remove(s.uploadPath())
}

// Commit implements adminapi.Restore.
func (s *Service) Commit(name string, otherBox bool, by string) error {
	before, err := s.begin(adminapi.RestoreCommitted)
	if err != nil {
		return err
	}
	if err := s.checkCommit(before, name, otherBox); err != nil {
		s.finish(before)
		return err
	}
	if _, err := backup.Commit(s.deps.Folder, s.manifest, by, time.Now()); err != nil {
		return errors.Join(describe(err), s.clear())
	}
	s.deps.Restart()
	return nil
}

// checkCommit refuses a restore that nobody wants.
func (s *Service) checkCommit(before adminapi.RestoreStatus, name string, otherBox bool) error {
	if before.Step != adminapi.RestoreChecked {
		return errs.NewCode("restore", errs.Stale, "no_backup", "there is no checked backup: upload it again")
	}
	own, err := s.deps.Roster.Box()
	if err != nil {
		return err
	}
	if !strings.EqualFold(strings.TrimSpace(name), strings.TrimSpace(own.Name)) {
		return errs.NewField("restore", "name", "wrong_name", 0, "this is not the name of the box")
	}
	if before.Report.OtherBox && !otherBox {
		return errs.NewCode("restore", errs.Denied, "another_box", "the backup is of another box")
	}
	open, err := s.deps.Roster.OpenLessons()
	if err == nil && len(open) > 0 {
		err = errs.NewCode("restore", errs.Stale, "lesson_running", "a lesson is open: end it first")
	}
	return err
}
