package members

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/livelearn/box/hal/atomicfile"
	"github.com/livelearn/box/services/errs"
)

// List is the list of this box. Any goroutine may call its methods.
type List struct {
	own  Identity
	path string
	now  func() time.Time

	mu      sync.Mutex
	all     []Member      // guarded by mu, as Merge returns them; the slice is replaced, never changed
	changed chan struct{} // guarded by mu, closed by the next change
}

// Open reads the list of a file. A box without the file is alone. A damaged file is moved aside, and so
// is one of which this box is no member because its key is new: the box is alone until it is paired again.
func Open(path string, own Identity, log *slog.Logger) (*List, error) {
	l := &List{own: own, path: path, now: time.Now, changed: make(chan struct{})}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return nil, errs.New("members.Open", errs.Down, err)
	}
	l.all, err = Decode(data)
	if err == nil && len(l.all) > 0 && !slices.ContainsFunc(current(l.all), func(m Member) bool { return m.Key == own.Key }) {
		err = errs.NewCode("members.Open", errs.Stale, "other_key", "no box of the list has the key of this one")
	}
	if err != nil {
		log.Error("the list of the boxes does not serve this box and is moved aside: pair this box again", "err", err)
		l.all = nil
		if err := os.Rename(path, path+damaged); err != nil {
			return nil, errs.New("members.Open", errs.Down, err)
		}
	}
	return l, nil
}

// Decode reads a list that another box sent.
func Decode(data []byte) ([]Member, error) {
	const op = "members.Decode"
	var list []Member
	d := json.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(&list); err != nil {
		return nil, errs.New(op, errs.Invalid, err)
	}
	if len(list) > MaxKnown {
		return nil, errs.NewField(op, "members", "too_many", MaxKnown, "more than %d boxes", MaxKnown)
	}
	for _, m := range list {
		if err := m.validate(); err != nil {
			return nil, err
		}
	}
	return Merge(list, nil), nil
}

// Encode writes a list for other boxes.
func Encode(list []Member) []byte {
	data, err := json.Marshal(list)
	if err != nil {
		panic(err) // our own type
	}
	return data
}

// Own is the identity of this box.
func (l *List) Own() Identity { return l.own }

// All returns the whole list, with the boxes that were removed.
func (l *List) All() []Member {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.all)
}

// Others returns the other boxes of the school. It is empty while this box is alone.
func (l *List) Others() []Member {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.others()
}

// others is Others. The caller holds mu.
func (l *List) others() []Member {
	return slices.DeleteFunc(active(l.all), func(m Member) bool { return m.Key == l.own.Key })
}

// Changed returns a channel that the next change closes.
func (l *List) Changed() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changed
}

// Learn joins what another member sent. A box that reads of its own removal is alone from then on.
func (l *List) Learn(list []Member) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.set(Merge(l.all, list))
}

// Hear is Learn for what comes over the connection to other boxes. A box that is alone has none: such a
// list was sent before this box left, and would bring it back.
func (l *List) Hear(list []Member) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.others()) == 0 {
		return nil
	}
	return l.set(Merge(l.all, list))
}

// set replaces the list, on disk first. The caller holds mu.
func (l *List) set(list []Member) error {
	if i := slices.IndexFunc(list, func(m Member) bool { return m.Key == l.own.Key }); i >= 0 && !list[i].IsMember() {
		list = nil
	}
	if bytes.Equal(Encode(list), Encode(l.all)) {
		return nil
	}
	if len(list) > MaxKnown {
		return errs.NewField("members", "members", "too_many", MaxKnown, "the list would have more than %d boxes, with those that were removed", MaxKnown)
	}
	if err := atomicfile.Write(l.path, 0o600, atomicfile.Bytes(Encode(list))); err != nil {
		return errs.New("members", errs.Down, err)
	}
	l.all = list
	close(l.changed)
	l.changed = make(chan struct{})
	return nil
}

// Describe updates what the list says of this box. It changes nothing while the box is alone.
func (l *List) Describe(name string, addresses []string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.IndexFunc(l.all, func(m Member) bool { return m.Key == l.own.Key })
	if i < 0 {
		return nil
	}
	next := l.all[i]
	next.Name, next.Addresses = cutProfile(name, addresses)
	if next.profile() == l.all[i].profile() {
		return nil
	}
	next.Revision++
	return l.set(Merge(l.all, []Member{next}))
}

// cutProfile shortens what a box says of itself to what the others accept.
func cutProfile(name string, addresses []string) (string, []string) {
	name = strings.ToValidUTF8(name[:min(len(name), maxName)], "")
	addresses = slices.DeleteFunc(slices.Clone(addresses), func(a string) bool { return !isAddress(a) })
	return name, append([]string{}, addresses[:min(len(addresses), maxAddresses)]...)
}

// Removal returns the entry that removes a box from the school, for Learn here and at the others. A
// box that learns its own leaves the school.
func (l *List) Removal(id string) (Member, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.IndexFunc(l.all, func(m Member) bool { return m.ID == id && m.IsMember() })
	if i < 0 {
		return Member{}, errs.NewCode("members.Removal", errs.Missing, "no_box", "no box of this school has the id %q", id)
	}
	gone := l.all[i]
	gone.Removed, gone.RemovedBy = max(1, l.now().UnixMilli()), l.own.ID
	return gone, nil
}

// add puts a box on the list, and this box too while it is alone. A box that is a member already only
// says anew what it is called.
func (l *List) add(self, other profile) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := l.all
	for _, p := range []profile{self, other} {
		list = Merge(list, []Member{l.admit(list, p)})
	}
	if !slices.ContainsFunc(active(list), func(m Member) bool { return m.Key == other.key }) || len(active(list)) < len(current(list)) {
		return errs.NewCode("members", errs.Stale, "too_many_boxes", "the school has %d boxes already, and more are not possible: remove one first", Max)
	}
	return l.set(list)
}

// profile is what a box says of itself.
type profile struct {
	key       string
	name      string
	addresses []string
}

// admit returns the entry of a box that is a member from now on.
func (l *List) admit(list []Member, p profile) Member {
	m := Member{ID: idOf(p.key), Key: p.key, Term: 1, Revision: 1, Added: max(1, l.now().UnixMilli()), AddedBy: l.own.ID}
	if i := slices.IndexFunc(list, func(x Member) bool { return x.Key == p.key }); i >= 0 {
		old := list[i]
		m.Term, m.Revision = old.Term+1, old.Revision+1
		if old.IsMember() {
			m.Term, m.Added, m.AddedBy = old.Term, old.Added, old.AddedBy
		}
	}
	m.Name, m.Addresses = cutProfile(p.name, p.addresses)
	return m
}

// replace takes the list of the school that this box joins. What it knew before was of another school.
// A box may have joined this one meanwhile.
func (l *List) replace(list []Member) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.others()) > 0 {
		return errNotAlone()
	}
	return l.set(list)
}
