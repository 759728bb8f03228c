package doctor

import (
	"fmt"
	"strings"

	"github.com/livelearn/box/firmware/datafolder"
	"github.com/livelearn/box/services/seal"
)

// checkKey looks for the key of the databases and says what their encryption is good for. It changes
// nothing. The key is nil if there is none.
func checkKey(data string) (*seal.Key, Finding) {
	const mend = "put the file back from where it went; or start the box, which sets the databases aside, and put a backup back with `livelearn restore`"
	found, mark, err := datafolder.LoadKey(data, nil)
	if err != nil {
		return nil, failFinding("check the folder's owner and permissions", "the key of the databases: %v", err)
	}
	faults := make([]string, len(found.Faults))
	for i, f := range found.Faults {
		faults[i] = fmt.Sprint(f)
	}
	switch {
	case mark == "":
		return found.Key, okFinding("the databases are not encrypted yet; the next start does it")
	case found.Key == nil:
		return nil, failFinding(mend, "the key %s of the databases is lost: %s", mark, strings.Join(faults, "; "))
	case len(faults) > 0:
		return found.Key, warnFinding("start the box: it puts the copy back", "the key of the databases exists once: %s", strings.Join(faults, "; "))
	}
	return found.Key, okFinding("the databases are encrypted with the key %s, which lies twice in this folder. "+
		"A single file that gets out says nothing. Who takes the whole disk has the key too", mark)
}
