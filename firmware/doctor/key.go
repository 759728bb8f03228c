package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/livelearn/box/firmware/datafolder"
	"github.com/livelearn/box/services/seal"
)

// checkKey looks for the key of the databases and says what their encryption is good for. It changes
// nothing. The key is nil if there is none.
//
// The doctor does not know the boot partition of an appliance. There the folder has one copy of the
// key, which is enough to check its databases.
func checkKey(data string) (*seal.Key, Finding) {
	const mend = "put a copy of the key into keys/box-key.txt of this folder: an appliance has one on its boot partition, livelearn-key.txt; " +
		"or start the box, which sets the databases aside until the key is back, and put a backup back with `livelearn restore`"
	found, mark, err := datafolder.LoadKey(data, nil)
	if err != nil {
		return nil, failFinding("check the folder's owner and permissions", "the key of the databases: %v", err)
	}
	faults := make([]string, len(found.Faults))
	missing := 0
	for i, f := range found.Faults {
		faults[i] = fmt.Sprint(f)
		if errors.Is(f.Err, fs.ErrNotExist) {
			missing++
		}
	}
	switch {
	case mark == "":
		return found.Key, okFinding("the databases are not encrypted yet; the next start does it")
	case found.Key == nil:
		return nil, failFinding(mend, "the key %s of the databases is not in this folder: %s", mark, strings.Join(faults, "; "))
	case len(faults) > missing:
		return found.Key, warnFinding("start the box: it puts the copy back", "a copy of the key of the databases is damaged: %s", strings.Join(faults, "; "))
	case missing > 0:
		return found.Key, okFinding("the databases are encrypted with the key %s, which lies once in this folder. "+
			"Its copy is on the boot partition of an appliance; elsewhere the next start of the box makes it again", mark)
	}
	return found.Key, okFinding("the databases are encrypted with the key %s, which lies twice in this folder. "+
		"A single file that gets out says nothing. Who takes the whole disk has the key too", mark)
}
