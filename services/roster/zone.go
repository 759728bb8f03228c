package roster

import (
	"time"
	_ "time/tzdata" // the box's image has no time zones

	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
)

// checkZone checks the name of a time zone such as "Europe/Paris". Empty is UTC.
func checkZone(op, name string) error {
	if name == "" {
		return nil
	}
	if _, err := time.LoadLocation(name); err != nil || len(name) > 64 || name == "Local" {
		return errs.NewField(op, "zone", "unknown", 64, `must be a time zone such as "Europe/Paris"`)
	}
	return nil
}

// SetDefaultZone sets the school's time zone if it has none. An empty name changes nothing.
func (r *Roster) SetDefaultZone(name string) error {
	return r.updateOwner("roster.SetDefaultZone", func(tx *checkedkv.Tx) error { return setDefaultZone(tx, name) })
}

func setDefaultZone(tx *checkedkv.Tx, name string) error {
	if name == "" {
		return nil
	}
	if err := checkZone("roster.SetDefaultZone", name); err != nil {
		return err
	}
	s, err := loadSettings(tx)
	if err != nil || s.Zone != "" {
		return err
	}
	return checkedkv.Put(tx, bucketMeta, keySettings, storedSettings{s.ChatDays, s.ResultsDays, name})
}

// Zone returns the school's time zone, that of the machine if it is not set.
func (r *Roster) Zone() *time.Location {
	s, err := r.Settings()
	if err != nil || s.Zone == "" {
		return time.Local
	}
	zone, err := time.LoadLocation(s.Zone)
	if err != nil {
		return time.Local
	}
	return zone
}
