package roster

import (
	"github.com/livelearn/box/services/checkedkv"
	"github.com/livelearn/box/services/errs"
)

// Card lets a pupil into any lesson of the class without a code. The person who has it counts as
// the pupil, in lessons and nowhere else.
type Card struct {
	ID   string `json:"id"` // the pupil's
	Name string `json:"name"`
	Link string `json:"link"` // "/c/<key>", for the QR code
}

// storedCard says which pupil a card belongs to.
type storedCard struct{ Class, Pupil string }

const cardBytes = 16 // random ones of a key

func cardKey(class, pupil string) string { return class + "/" + pupil }

// Cards returns the cards of a class in the order of the list. Pupils without a card get one.
func (r *Roster) Cards(classID string) ([]Card, error) {
	return r.listCards("roster.Cards", classID, false, "")
}

// RenewCards voids the card of a pupil, or all of the class if pupil is empty, and returns the
// new cards.
func (r *Roster) RenewCards(classID, pupil string) ([]Card, error) {
	return r.listCards("roster.RenewCards", classID, true, pupil)
}

func (r *Roster) listCards(op, classID string, renew bool, pupil string) ([]Card, error) {
	list := []Card{} // never null for a client
	err := r.writeTx(op, func(tx *checkedkv.Tx) error {
		c, err := loadClass(tx, classID)
		if err != nil {
			return err
		}
		if renew && pupil != "" {
			if _, _, err := loadPupil(tx, op, classID, pupil); err != nil {
				return err
			}
		}
		if renew {
			if err := r.voidCards(tx, classID, pupil); err != nil {
				return err
			}
		}
		for _, p := range c.Pupils {
			key, err := loadOrCreateCard(tx, classID, p.ID)
			if err != nil {
				return err
			}
			list = append(list, Card{p.ID, p.Name, "/c/" + key})
		}
		return nil
	})
	return list, err
}

// Card returns the card of one pupil.
func (r *Roster) Card(classID, pupil string) (card Card, err error) {
	const op = "roster.Card"
	err = r.writeTx(op, func(tx *checkedkv.Tx) error {
		c, i, err := loadPupil(tx, op, classID, pupil)
		if err != nil {
			return err
		}
		key, err := loadOrCreateCard(tx, classID, pupil)
		card = Card{pupil, c.Pupils[i].Name, "/c/" + key}
		return err
	})
	return card, err
}

// loadOrCreateCard returns the key on a pupil's card. It replaces a damaged one by a new one.
func loadOrCreateCard(tx *checkedkv.Tx, class, pupil string) (string, error) {
	at := cardKey(class, pupil)
	if key, err := checkedkv.Get[string](tx, bucketCards, at); err == nil {
		return key, nil
	}
	key := newKey(cardBytes)
	if err := checkedkv.Put(tx, bucketCards, key, storedCard{class, pupil}); err != nil {
		return "", err
	}
	return key, checkedkv.Put(tx, bucketCards, at, key)
}

// voidCards voids the card of a pupil, or all of the class if pupil is empty.
func (r *Roster) voidCards(tx *checkedkv.Tx, class, pupil string) error {
	places, keys := collectValues[string](r, tx, bucketCards, cardKey(class, pupil))
	for i, at := range places {
		if pupil != "" && at != cardKey(class, pupil) {
			continue
		}
		if err := deleteKey(tx, bucketCards, keys[i]); err != nil {
			return err
		}
		if err := deleteKey(tx, bucketCards, at); err != nil {
			return err
		}
	}
	return nil
}

// JoinCard gives a device the name on a card in the open lesson of the pupil's class. The card is
// a better proof than a tap on a list, so a device that has the name loses it, and moved is true.
// freed is as in JoinLesson. errs.Denied (code card): the card is void. errs.Missing (code
// no_lesson): the class has no open lesson.
func (r *Roster) JoinCard(key, token string) (p Person, given, freed string, moved bool, err error) {
	const op = "roster.JoinCard"
	void := errs.NewCode(op, errs.Denied, "card", "this card is not valid any more")
	if len(key) > 2*cardBytes {
		return p, "", "", false, void
	}
	find := func(tx *checkedkv.Tx) (storedLesson, string, error) {
		card, err := checkedkv.Get[storedCard](tx, bucketCards, key)
		if err != nil || card.Pupil == "" {
			return storedLesson{}, "", void
		}
		id, err := checkedkv.Get[string](tx, bucketOpen, card.Class)
		if err != nil {
			return storedLesson{}, "", errs.NewCode(op, errs.Missing, "no_lesson", "no lesson of this class is open")
		}
		s, err := loadLesson(tx, id)
		return s, card.Pupil, err
	}
	if p, ok := r.rejoin(op, token, find); ok {
		return p, token, "", false, nil
	}
	err = r.writeTx(op, func(tx *checkedkv.Tx) error {
		s, pupil, err := find(tx)
		if err != nil {
			return err
		}
		holder, err := loadHolder(tx, s.ID, pupil)
		if err != nil {
			return err
		}
		if moved = holder != "" && holder != hashToken(token); moved {
			if _, err := freeName(tx, s.ID, pupil); err != nil {
				return err
			}
		}
		p, given, freed, err = r.assignName(tx, op, s, pupil, token)
		return err
	})
	return p, given, freed, moved, err
}
