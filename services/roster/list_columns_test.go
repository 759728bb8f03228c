package roster

import (
	"fmt"
	"slices"
	"testing"
)

func TestTheMeaningOfColumnsIsRemembered(t *testing.T) {
	r := newRoster(t)
	for n := range maxListColumns + 1 {
		if err := r.SaveListColumns(fmt.Sprint(n), []string{"full"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.SaveListColumns("1", []string{"given", "family"}); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string][]string{"0": nil, "1": {"given", "family"}, "2": {"full"}, "other": nil} {
		if got, err := r.ListColumns(key); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v %v", key, got, err)
		}
	}
}
