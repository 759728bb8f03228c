package roster

import (
	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/records"
)

// Settings are what an admin sets for the whole box.
type Settings struct {
	Name        string `json:"name"`         // the box's
	Lang        string `json:"lang"`         // of its pages, as a BCP 47 tag
	ChatDays    int    `json:"chat_days"`    // that chat is kept: 1 to 365
	ResultsDays int    `json:"results_days"` // that results are kept: 30 to 800
}

// SettingsChange is what of them changes; nil: that does not.
type SettingsChange struct {
	Name        *string `json:"name,omitempty"`
	Lang        *string `json:"lang,omitempty"`
	ChatDays    *int    `json:"chat_days,omitempty"`
	ResultsDays *int    `json:"results_days,omitempty"`
}

type storedSettings struct{ ChatDays, ResultsDays int }

// A school year and the holidays after it.
const (
	defaultChatDays    = 30
	defaultResultsDays = 365 + 90
)

// Settings are the box's as they are now.
func (r *Roster) Settings() (s Settings, err error) {
	err = r.view("roster.Settings", func(tx *bbolt.Tx) error {
		s, err = settings(tx)
		return err
	})
	return s, err
}

func settings(tx *bbolt.Tx) (Settings, error) {
	b, err := records.Get[storedBox](tx, bucketMeta, keyBox)
	if err != nil {
		return Settings{}, err
	}
	days, err := records.Get[storedSettings](tx, bucketMeta, keySettings)
	if err != nil { // a damaged entry is set again
		days = storedSettings{defaultChatDays, defaultResultsDays}
	}
	return Settings{b.Name, b.Lang, days.ChatDays, days.ResultsDays}, nil
}

// ChangeSettings sets what the change names, all of it or nothing.
func (r *Roster) ChangeSettings(change SettingsChange) (s Settings, err error) {
	const op = "roster.ChangeSettings"
	err = r.update(op, func(tx *bbolt.Tx) error {
		if s, err = settings(tx); err != nil {
			return err
		}
		if s, err = s.with(op, change); err != nil {
			return err
		}
		b, err := records.Get[storedBox](tx, bucketMeta, keyBox)
		if err != nil {
			return err
		}
		b.Name, b.Lang = s.Name, s.Lang
		if err := records.Put(tx, bucketMeta, keyBox, b); err != nil {
			return err
		}
		return records.Put(tx, bucketMeta, keySettings, storedSettings{s.ChatDays, s.ResultsDays})
	})
	return s, err
}

func (s Settings) with(op string, c SettingsChange) (_ Settings, err error) {
	if c.Name != nil {
		if s.Name, err = cleanName(op, "name", *c.Name, MaxName); err != nil {
			return s, err
		}
	}
	if c.Lang != nil {
		if s.Lang = *c.Lang; !isLang(s.Lang) {
			return s, errs.Field(op, "lang", "bad_lang", 0, `must be a language tag such as "en" or "pt-BR"`)
		}
	}
	if c.ChatDays != nil {
		if s.ChatDays = *c.ChatDays; s.ChatDays < 1 || s.ChatDays > 365 {
			return s, errs.Field(op, "chat_days", "out_of_range", 365, "must be 1 to 365")
		}
	}
	if c.ResultsDays != nil {
		if s.ResultsDays = *c.ResultsDays; s.ResultsDays < 30 || s.ResultsDays > 800 {
			return s, errs.Field(op, "results_days", "out_of_range", 800, "must be 30 to 800")
		}
	}
	return s, nil
}
