package firmware

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/livelearn/box/firmware/backup"
	"github.com/livelearn/box/firmware/control"
	"github.com/livelearn/box/firmware/losses"
	"github.com/livelearn/box/services/errs"
)

// SaveBackup writes a backup of the box on cfg's data folder into a new file: from the
// running box, or from its files when it is stopped. With a passphrase the file is encrypted. It
// returns the size.
func SaveBackup(ctx context.Context, cfg Config, path, passphrase string, keep int) (size int64, err error) {
	if _, err := os.Stat(cfg.journalConfig().Path); err != nil {
		return 0, errs.NewCode("backup", errs.Missing, "no_box", "there is no box in %s", cfg.Data)
	}
	return backup.WriteFile(path, keep, func(w io.Writer) error {
		if passphrase == "" {
			return backupTo(ctx, cfg, w)
		}
		sealed, err := backup.Encrypt(w, passphrase)
		if err != nil {
			return err
		}
		return errors.Join(backupTo(ctx, cfg, sealed), sealed.Close())
	})
}

func backupTo(ctx context.Context, cfg Config, w io.Writer) error {
	b, err := openBox(cfg, Parts{})
	if errs.KindOf(err) != errs.Busy {
		if err == nil {
			err = errors.Join(b.Backup(w), b.Close())
		}
		return err
	}
	body, err := control.Get(ctx, cfg.Data, "/backup")
	if err != nil {
		return errs.New("backup", errs.Down, err)
	}
	_, err = io.Copy(w, body)
	return errors.Join(err, body.Close())
}

// Unclaim gives the stopped box on cfg's data folder a new claim code: the way in where the
// PINs, or the record of who owns the box, are lost.
func Unclaim(ctx context.Context, cfg Config) (code string, err error) {
	if len(losses.Present(cfg.Data)) == 0 {
		return "", errs.NewCode("unclaim", errs.Missing, "no_box", "there is no box in %s", cfg.Data)
	}
	b, err := openBox(cfg, Parts{})
	if err != nil {
		return "", err
	}
	if err = b.roster.Unclaim(ctx); err == nil {
		b.auditUnclaim(ctx)
		code, err = b.roster.ClaimCode()
	}
	return code, errors.Join(err, b.Close())
}
