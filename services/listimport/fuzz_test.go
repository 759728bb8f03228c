package listimport

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func FuzzParse(f *testing.F) {
	for _, seed := range [][]byte{
		[]byte("Ada\nBen\n"),
		[]byte("id,name,class\r\n1,Ada,7b\r\n1,Ben,\r\n,\"Cl\"\"eo\",7b"),
		[]byte("sep=;\nPrénom;Nom;Classe\nZoë;M\xfcller;7b\n"),
		[]byte("Nr|Name|Geb.\n1|\"Ada|2011\n2|Ben|1/2/11\n"),
		[]byte("\xff\xfen\x00a\x00m\x00e\x00\n\x00A\x00d\x00a\x00"),
		[]byte("\xfe\xff\x00n\x00a\x00m\x00e\x00\n\x00A"),
		[]byte("name\tclass\n\xc8\xcf\xd1 \xc7\xe1\xcf\xed\xe4\t7b\n"),
		packWorkbook(f, [][]any{{"Name", "Class"}, {"Ada", 7}, {"Ben", "7b"}}),
		packZip(f, schoolFiles()...),
		packZip(f, schoolFiles("users.csv", users+"u1,tobedeleted,,,,,,,A,B", "manifest.csv", "")...),
		packZip(f, "../users.csv", users),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		tab, err := Parse("dir/list.csv", data)
		if err != nil {
			if !utf8.ValidString(err.Error()) {
				t.Errorf("the reason is no text: %q", err)
			}
			return
		}
		rows := 0
		for _, c := range tab.Classes {
			seen := map[string]bool{}
			rows += len(c.Pupils)
			if n, err := CleanName("", "", c.Name, MaxName); err != nil || n != c.Name {
				t.Errorf("class %q: %v", c.Name, err)
			}
			for _, p := range c.Pupils {
				n, err := CleanName("", "", p.Name, MaxName)
				if err != nil || n != p.Name || seen["n"+FoldName(p.Name)] || p.Source != "" && seen["i"+p.Source] {
					t.Errorf("pupil %+v: %v", p, err)
				}
				seen["n"+FoldName(p.Name)], seen["i"+p.Source] = true, true
				if p.Line < 1 || p.File == "" || utf8.RuneCountInString(p.Source) > maxID {
					t.Errorf("pupil %+v", p)
				}
			}
		}
		for _, p := range tab.Problems {
			if p.Code == "" || p.Message == "" || !utf8.ValidString(p.Text) || utf8.RuneCountInString(p.Text) > maxText || strings.Contains(p.File, "/") {
				t.Errorf("problem %+v", p)
			}
		}
		if rows > MaxRows || len(tab.Problems) > MaxProblems+1 {
			t.Errorf("%d rows, %d problems", rows, len(tab.Problems))
		}
	})
}
