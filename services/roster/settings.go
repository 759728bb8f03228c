package roster

import (
	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
)

// Settings are the values that an admin sets for the whole box.
type Settings struct {
	Name        string `json:"name"`         // the box's
	Lang        string `json:"lang"`         // of its pages, as a BCP 47 tag
	ChatDays    int    `json:"chat_days"`    // that chat is kept: 1 to 365
	ResultsDays int    `json:"results_days"` // that results are kept: 30 to 800
	Zone        string `json:"zone"`         // the school's time zone, such as "Europe/Paris"; empty: UTC
}

// SettingsChange lists the fields to change. A nil field stays.
type SettingsChange struct {
	Name        *string `json:"name,omitempty"`
	Lang        *string `json:"lang,omitempty"`
	ChatDays    *int    `json:"chat_days,omitempty"`
	ResultsDays *int    `json:"results_days,omitempty"`
	Zone        *string `json:"zone,omitempty"`
}

type storedSettings struct {
	ChatDays, ResultsDays int
	Zone                  string
}

// A school year and the holidays after it.
const (
	defaultChatDays    = 30
	defaultResultsDays = 365 + 90
)

// Settings returns the box's settings.
func (r *Roster) Settings() (s Settings, err error) {
	err = r.readTx("roster.Settings", func(tx *checkedkv.Tx) error {
		s, err = loadSettings(tx)
		return err
	})
	return s, err
}

func loadSettings(tx *checkedkv.Tx) (Settings, error) {
	b, err := checkedkv.Get[storedBox](tx, bucketMeta, keyBox)
	if err != nil {
		return Settings{}, err
	}
	days, err := checkedkv.Get[storedSettings](tx, bucketMeta, keySettings)
	if err != nil { // the new values replace a damaged entry
		days = storedSettings{ChatDays: defaultChatDays, ResultsDays: defaultResultsDays}
	}
	return Settings{b.Name, b.Lang, days.ChatDays, days.ResultsDays, days.Zone}, nil
}

// ChangeSettings sets the fields of the change, all of them or none.
func (r *Roster) ChangeSettings(change SettingsChange) (s Settings, err error) {
	const op = "roster.ChangeSettings"
	err = r.updateOwner(op, func(tx *checkedkv.Tx) error {
		if s, err = loadSettings(tx); err != nil {
			return err
		}
		if s, err = s.applyChange(op, change); err != nil {
			return err
		}
		b, err := checkedkv.Get[storedBox](tx, bucketMeta, keyBox)
		if err != nil {
			return err
		}
		b.Name, b.Lang = s.Name, s.Lang
		if err := checkedkv.Put(tx, bucketMeta, keyBox, b); err != nil {
			return err
		}
		return checkedkv.Put(tx, bucketMeta, keySettings, storedSettings{s.ChatDays, s.ResultsDays, s.Zone})
	})
	return s, err
}

func (s Settings) applyChange(op string, c SettingsChange) (_ Settings, err error) {
	if c.Name != nil {
		if s.Name, err = cleanName(op, "name", *c.Name, MaxName); err != nil {
			return s, err
		}
	}
	if c.Lang != nil {
		if s.Lang = *c.Lang; !isLang(s.Lang) {
			return s, errs.NewField(op, "lang", "bad_lang", 0, `must be a language tag such as "en" or "pt-BR"`)
		}
	}
	if c.Zone != nil {
		if s.Zone = *c.Zone; checkZone(op, s.Zone) != nil {
			return s, checkZone(op, s.Zone)
		}
	}
	if c.ChatDays != nil {
		if s.ChatDays = *c.ChatDays; s.ChatDays < 1 || s.ChatDays > 365 {
			return s, errs.NewField(op, "chat_days", "out_of_range", 365, "must be 1 to 365")
		}
	}
	if c.ResultsDays != nil {
		if s.ResultsDays = *c.ResultsDays; s.ResultsDays < 30 || s.ResultsDays > 800 {
			return s, errs.NewField(op, "results_days", "out_of_range", 800, "must be 30 to 800")
		}
	}
	return s, nil
}
