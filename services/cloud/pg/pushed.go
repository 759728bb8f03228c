package pg

import (
	"encoding/json"

	"github.com/google/uuid"
)

// PushedStatement is a statement as a client sends it to a record store.
type PushedStatement struct {
	ID   string
	Data json.RawMessage
}

// pushSpace is the namespace of the ids of pushed statements.
var pushSpace = uuid.NewSHA1(uuid.NameSpaceURL, []byte("https://livelearn.org/xapi/pushed"))

// pushedID returns the id of a statement in other record stores. Some take the versions of RFC 4122
// only, so it is a version 5 of our own id. The same statement has the same id for good.
func pushedID(own string) string { return uuid.NewSHA1(pushSpace, []byte(own)).String() }

// toPushed returns the statement without what a record store sets itself (xAPI 1.0.3, part 2,
// sections 2.4.8 to 2.4.10): stored, authority and version.
func (r statement) toPushed(home string) (raw json.RawMessage, id string, err error) {
	out := r.toXAPI(home)
	delete(out, "stored")
	delete(out, "authority")
	delete(out, "version")
	id = pushedID(r.id)
	out["id"] = id
	if r.voids != nil {
		out["object"] = jsonObject{"objectType": "StatementRef", "id": pushedID(*r.voids)}
	}
	raw, err = json.Marshal(out)
	return raw, id, err
}
