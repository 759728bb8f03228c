package directory

import (
	"testing"

	"github.com/livelearn/box/services/errs"
)

// FuzzDoors reads what another box says of its addresses.
func FuzzDoors(f *testing.F) {
	for _, s := range []string{`["192.0.2.1:8443","[fd00::1]:443"]`, `[]`, `["x"]`, `["x:0"]`, `[":1"]`, `{}`, `["a:1","a:1","a:1","a:1","a:1","a:1","a:1","a:1","a:1"]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := readDoors(data)
		if err != nil && errs.KindOf(err) != errs.Invalid || err == nil && len(list) > maxDoors {
			t.Errorf("%q: %d addresses, %v", data, len(list), err)
		}
	})
}
