package firmware

import (
	"os"
	"strings"
	"testing"
)

func TestTheContractNamesAllThatABoxRecordsAndAccepts(t *testing.T) {
	data, err := os.ReadFile("../ui/src/contract.ts")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range listFeatures(nil) {
		for _, d := range k.Events {
			if !strings.Contains(string(data), `kind: "`+string(d.Kind)+`"`) {
				t.Errorf("%s is not in ui/src/contract.ts", d.Kind)
			}
		}
		for _, c := range k.Commands {
			if !c.Box && !strings.Contains(string(data), `name: "`+c.Name+`"`) {
				t.Errorf("%s is not in ui/src/contract.ts", c.Name)
			}
		}
	}
}
