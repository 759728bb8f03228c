package listimport

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A list that is understood by half asks, with three rows to look at.
func TestAHalfUnderstoodListAsksForItsColumns(t *testing.T) {
	for text, want := range map[string]struct {
		code     string
		meanings []string
	}{
		"Given name,Blim,Class\nNele,Brandt,8C\nSade,Okoro,8C\nUma,Lind,8C\nPia,Holm,8C\n": {"half_name", []string{"given", "other", "class"}},
		"List of the school\n\nZork;Blim;Quiddle\nNele;Brandt;8C\nSade;Okoro;8C\n":         {"no_header", []string{"other", "other", "other"}},
		"Name,Quiddle\nNele Brandt,8C\nSade Okoro,8D\n":                                    {"half_class", []string{"full", "other"}},
		"Last Name,First Name,Level,Tutor\nBrandt,Nele,9,KOW\nOkoro,Sade,9,TMA\n":          {"half_class", []string{"family", "given", "year", "other"}},
		"Name,Year,Quiddle\nNele Brandt,9,9KOW\nSade Okoro,10,10TMA\n":                     {"half_class", []string{"full", "year", "other"}},
	} {
		tab, err := Read("l.csv", []byte(text), Choice{})
		if err != nil || tab.Columns == nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		c := tab.Columns
		if c.Code != want.code || len(tab.Classes) > 0 || !slices.Equal(c.Meanings, want.meanings) || len(c.Samples) == 0 || len(c.Samples) > 3 || c.Samples[0][0] == "" {
			t.Errorf("%q: %+v", text, c)
		}
	}
}

func TestAPersonSaysWhatTheColumnsMean(t *testing.T) {
	say := func(list ...string) Choice { return Choice{Meanings: list} }
	for text, c := range map[string]struct {
		choice Choice
		want   string
	}{
		"Zork;Blim;Quiddle\nNele;Brandt;8C\nSade;Okoro;8D\n":              {say("given", "family", "class"), "8C:\n  Nele Brandt @2\n8D:\n  Sade Okoro @3\n"},
		"My list;;\n\nZork;Blim;Quiddle\nNele;Brandt;8C\n":                {say("given", "family", "class"), "8C:\n  Nele Brandt @4\n"},
		"Zork;Blim;Quiddle\nNele;Ada;Brandt\n":                            {say("given", "middle", "family"), "l:\n  Nele Ada Brandt @2\n"},
		"Name;Class\nBrandt;Nele\nOkoro;Sade\n":                           {say("family", "given"), "l:\n  Nele Brandt @2\n  Sade Okoro @3\n"},
		"Zork;Blim\n\"Brandt, Nele\";8\n\"Okoro, Sade\";9\n":              {say("full", "year"), "8:\n  Nele Brandt @2\n9:\n  Sade Okoro @3\n"},
		"Nele;Brandt\nSade;Okoro\n":                                       {Choice{[]string{"given", "family"}, true}, "l:\n  Nele Brandt @1\n  Sade Okoro @2\n"},
		"Zork;Blim;Quiddle\nNele Brandt;s1;Pupil\nEve Stone;s2;Teacher\n": {say("full", "id", "role"), "l:\n  Nele Brandt [s1] @2\n! l.csv:3 adult\n"},
	} {
		tab, err := Read("l.csv", []byte(text), c.choice)
		if err != nil || tab.Columns == nil || !slices.Equal(tab.Columns.Meanings, c.choice.Meanings) {
			t.Errorf("%q: %v %+v", text, err, tab.Columns)
			continue
		}
		if diff := cmp.Diff(describeTable(tab), c.want); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

func TestAChoiceOfColumnsIsChecked(t *testing.T) {
	for want, list := range map[string][]string{
		"no_name columns": {"class", "other"}, "duplicate columns": {"full", "full"}, "unknown columns": {"full", "shoe"},
		"too_many columns": slices.Repeat([]string{"other"}, maxShown+1),
	} {
		_, err := Read("l.csv", []byte("A;B\nNele Brandt;8C\n"), Choice{Meanings: list})
		checkRefused(t, err, want)
	}
	_, err := Read("l.csv", []byte(strings.Repeat("x", MaxFile+1)), Choice{})
	checkRefused(t, err, "too_large file")
}

func TestListsWithTheSameHeadingsHaveTheSameKey(t *testing.T) {
	key := func(text string) string {
		tab, err := Read("l.csv", []byte(text), Choice{})
		if err != nil {
			t.Fatal(err)
		}
		return tab.Columns.Key
	}
	one := key("Zork;Blim;X1\nNele;Brandt;8C\n")
	if key("zork,BLIM,x1\nSade,Okoro,9\nUma,Lind,9\n") != one || key("Blim;Zork;X1\nBrandt;Nele;8C\n") == one {
		t.Error("a key is of the headings in their order")
	}
}
