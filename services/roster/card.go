package roster

import (
	"go.etcd.io/bbolt"

	"github.com/livelearn/box/services/errs"
	"github.com/livelearn/box/services/records"
)

// Card is what lets a pupil into any lesson of the class without a code. Whoever has it
// is taken for the pupil, in lessons and nowhere else.
type Card struct {
	ID   string `json:"id"` // the pupil's
	Name string `json:"name"`
	Link string `json:"link"` // "/c/<key>"; for the QR code
}

// storedCard is whose a card is.
type storedCard struct{ Class, Pupil string }

const cardBytes = 16 // random ones of a key

func cardKey(class, pupil string) string { return class + "/" + pupil }

// Cards gives the cards of a class in the order of the list. Who had none gets one.
func (r *Roster) Cards(classID string) ([]Card, error) {
	return r.cards("roster.Cards", classID, false, "")
}

// RenewCards voids the card of a pupil, or all of the class if pupil is empty, and gives
// the cards as they are then.
func (r *Roster) RenewCards(classID, pupil string) ([]Card, error) {
	return r.cards("roster.RenewCards", classID, true, pupil)
}

func (r *Roster) cards(op, classID string, renew bool, pupil string) ([]Card, error) {
	list := []Card{} // never null for a client
	err := r.update(op, func(tx *bbolt.Tx) error {
		c, err := class(tx, classID)
		if err != nil {
			return err
		}
		if renew && pupil != "" {
			if _, _, err := pupilOf(tx, op, classID, pupil); err != nil {
				return err
			}
		}
		if renew {
			if err := r.voidCards(tx, classID, pupil); err != nil {
				return err
			}
		}
		for _, p := range c.Pupils {
			key, err := cardOf(tx, classID, p.ID)
			if err != nil {
				return err
			}
			list = append(list, Card{p.ID, p.Name, "/c/" + key})
		}
		return nil
	})
	return list, err
}

// Card gives the card of one pupil.
func (r *Roster) Card(classID, pupil string) (card Card, err error) {
	const op = "roster.Card"
	err = r.update(op, func(tx *bbolt.Tx) error {
		c, i, err := pupilOf(tx, op, classID, pupil)
		if err != nil {
			return err
		}
		key, err := cardOf(tx, classID, pupil)
		card = Card{pupil, c.Pupils[i].Name, "/c/" + key}
		return err
	})
	return card, err
}

// cardOf is the key on a pupil's card. One that is damaged is made anew.
func cardOf(tx *bbolt.Tx, class, pupil string) (string, error) {
	at := cardKey(class, pupil)
	if key, err := records.Get[string](tx, bucketCards, at); err == nil {
		return key, nil
	}
	key := newKey(cardBytes)
	if err := records.Put(tx, bucketCards, key, storedCard{class, pupil}); err != nil {
		return "", err
	}
	return key, records.Put(tx, bucketCards, at, key)
}

// voidCards makes the card of a pupil void, or all of the class if pupil is empty.
func (r *Roster) voidCards(tx *bbolt.Tx, class, pupil string) error {
	places, keys := collect[string](r, tx, bucketCards, cardKey(class, pupil))
	for i, at := range places {
		if pupil != "" && at != cardKey(class, pupil) {
			continue
		}
		if err := remove(tx, bucketCards, keys[i]); err != nil {
			return err
		}
		if err := remove(tx, bucketCards, at); err != nil {
			return err
		}
	}
	return nil
}

// JoinCard gives a device the name on a card in the lesson that the pupil's class has.
// The card says who it is better than a tap on a list, so a device that has the name
// loses it: moved tells that one did. freed is as in Join. errs.Denied (code card): the
// card is void; errs.Missing (code no_lesson): the class has no lesson now.
func (r *Roster) JoinCard(key, token string) (p Person, given, freed string, moved bool, err error) {
	const op = "roster.JoinCard"
	void := errs.Code(op, errs.Denied, "card", "this card is not valid any more")
	if len(key) > 2*cardBytes {
		return p, "", "", false, void
	}
	err = r.update(op, func(tx *bbolt.Tx) error {
		card, err := records.Get[storedCard](tx, bucketCards, key)
		if err != nil || card.Pupil == "" {
			return void
		}
		id, err := records.Get[string](tx, bucketOpen, card.Class)
		if err != nil {
			return errs.Code(op, errs.Missing, "no_lesson", "no lesson of this class is open")
		}
		s, err := lesson(tx, id)
		if err != nil {
			return err
		}
		holder, err := holderOf(tx, s.ID, card.Pupil)
		if err != nil {
			return err
		}
		if moved = holder != "" && holder != hashOf(token); moved {
			if _, err := free(tx, s.ID, card.Pupil); err != nil {
				return err
			}
		}
		p, given, freed, err = r.sit(tx, op, s, card.Pupil, token)
		return err
	})
	return p, given, freed, moved, err
}
