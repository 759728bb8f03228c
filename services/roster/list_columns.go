package roster

import (
	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
)

// maxListColumns bounds the kinds of lists that a school has explained. The oldest is forgotten.
const maxListColumns = 100

// storedColumns is what the columns of lists with the same headings mean.
type storedColumns struct {
	Key      string
	Meanings []string
}

// ListColumns returns what the school has said about lists with these headings, nil for nothing.
func (r *Roster) ListColumns(key string) (meanings []string, err error) {
	err = r.readTx("roster.ListColumns", func(tx *checkedkv.Tx) error {
		for _, c := range loadListColumns(tx) {
			if c.Key == key {
				meanings = c.Meanings
			}
		}
		return nil
	})
	return meanings, err
}

// SaveListColumns keeps what lists with these headings mean.
func (r *Roster) SaveListColumns(key string, meanings []string) error {
	const op = "roster.SaveListColumns"
	if len(key) > 64 || len(meanings) > 100 {
		return errs.NewField(op, "columns", "too_many", 100, "at most 100 columns")
	}
	return r.writeTx(op, func(tx *checkedkv.Tx) error {
		list := []storedColumns{{key, meanings}}
		for _, c := range loadListColumns(tx) {
			if c.Key != key && len(list) < maxListColumns {
				list = append(list, c)
			}
		}
		return checkedkv.Put(tx, bucketMeta, keyListColumns, list)
	})
}

// loadListColumns returns no list if the value is missing or damaged: the school is asked again.
func loadListColumns(tx *checkedkv.Tx) []storedColumns {
	list, err := checkedkv.Get[[]storedColumns](tx, bucketMeta, keyListColumns)
	if err != nil {
		return nil
	}
	return list
}
