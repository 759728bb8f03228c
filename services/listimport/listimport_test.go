package listimport

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

func TestAListIsReadInEveryDialectOfCSV(t *testing.T) {
	const want = "7b:\n  Ada Lovelace [17] @2\n  Ben Öz [18] @3\n"
	for name, text := range map[string]string{
		"comma":            "Id,First name,Last name,Class\n17,Ada,Lovelace,7b\n18,Ben,Öz,7b\n",
		"semicolon":        "Id;First name;Last name;Class\n17;Ada;Lovelace;7b\n18;Ben;Öz;7b\n",
		"tab":              "Id\tFirst name\tLast name\tClass\n17\tAda\tLovelace\t7b\n18\tBen\tÖz\t7b\n",
		"bar":              "Id|First name|Last name|Class\n17|Ada|Lovelace|7b\n18|Ben|Öz|7b\n",
		"no final newline": "Id,First name,Last name,Class\n17,Ada,Lovelace,7b\n18,Ben,Öz,7b",
		"CRLF":             "Id,First name,Last name,Class\r\n17,Ada,Lovelace,7b\r\n18,Ben,Öz,7b\r\n",
		"CR":               "Id,First name,Last name,Class\r17,Ada,Lovelace,7b\r18,Ben,Öz,7b\r",
		"mark":             "\ufeffId,First name,Last name,Class\n17,Ada,Lovelace,7b\n18,Ben,Öz,7b\n",
		"quotes":           "\"Id\",\"First name\",\"Last name\",\"Class\"\n\"17\",\"Ada\",\"Lovelace\",\"7b\"\n18,\"Ben\",\"Öz\",7b\n",
		"dates":            "Id,First name,Born,Last name,Class\n17,Ada,10/12/1815,Lovelace,7b\n18,Ben,1815-12-10,Öz,7b\n",
		"slips":            "ID,Frist name,Last nmae,Calss\n17,Ada,Lovelace,7b\n18,Ben,Öz,7b\n",
		"floats":           "id,name,class\n17.0,Ada Lovelace,7b\n18.0,Ben Öz,7b\n",
		"repeated heading": "id,name,class\n17,Ada Lovelace,7b\n18,Ben Öz,7b\nid,name,class\n",
		"more columns":     "class,email,id,name,phone\n7b,ada@x.org,17,Ada Lovelace,1\n7b,,18,Ben Öz,,,\n",
		"name and surname": "id,name,surname,form\n17,Ada,Lovelace,7b\n18,Ben,Öz,7b\n",
		"grade":            "id,name,grade,class\n17,Ada Lovelace,7,b\n18,Ben Öz,7,b\n",
	} {
		if diff := cmp.Diff(parseAndDescribe(t, "list.csv", []byte(text)), want); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestHeadingsAreKnownInTheLanguagesOfThePages(t *testing.T) {
	const want = "7b:\n  Ada Lovelace [17] @2\n"
	for _, heading := range []string{
		"Matricule;Prénom;Nom;Classe", "Identifiant;PRÉNOM;NOM DE FAMILLE;CLASSE",
		"Matrícula;Nombre;Apellidos;Grupo", "Identificador;Nombres;Apellido;Clase",
		"رقم الطالب;الاسم الأول;اسم العائلة;الصف", "المعرّف;الاسم الشخصي;اللقب;الشعبة",
		"Schüler-ID;Vorname;Name;Klasse", "Schülernummer;Rufname;Familienname;Lerngruppe",
		"SIS_ID;Given Name;Surname;Homeroom", "Student ID;first_name;last_name;Section",
	} {
		got := parseAndDescribe(t, "list.csv", []byte(heading+"\n17;Ada;Lovelace;7b\n"))
		if diff := cmp.Diff(got, want); diff != "" {
			t.Errorf("%s: %s", heading, diff)
		}
	}
	for _, heading := range []string{"Nom et prénom", "Nombre y apellidos", "اسم الطالب", "Schülername", "الاسم", "Student name"} {
		got := parseAndDescribe(t, "7b.csv", []byte(heading+";x\nAda Lovelace;1\n"))
		if diff := cmp.Diff(got, "7b:\n  Ada Lovelace @2\n"); diff != "" {
			t.Errorf("%s: %s", heading, diff)
		}
	}
}

func TestOtherEncodingsAreUnderstood(t *testing.T) {
	for name, c := range map[string]struct {
		enc  encoding.Encoding
		name string
	}{
		"UTF-16 LE":         {unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), "Zoë Müller"},
		"UTF-16 BE":         {unicode.UTF16(unicode.BigEndian, unicode.UseBOM), "Zoë Müller"},
		"UTF-16 LE no mark": {unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), "Zoë Müller"},
		"UTF-16 BE no mark": {unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), "Zoë Müller"},
		"Windows-1252":      {charmap.Windows1252, "Zoë Müller"},
		"Windows-1256":      {charmap.Windows1256, "بدر الدين"},
	} {
		data, err := c.enc.NewEncoder().Bytes([]byte("name,class\r\n" + c.name + ",7b\r\n"))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(parseAndDescribe(t, "a.csv", data), "7b:\n  "+c.name+" @2\n"); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestAFileWithoutHeadingsIsUnderstoodOrRefusedWithTheReason(t *testing.T) {
	for text, want := range map[string]string{
		"Ada\nBen\n\nCleo":                            "7b:\n  Ada @1\n  Ben @2\n  Cleo @4\n",
		"1. Ada\n2. Ben\n":                            "7b:\n  Ada @1\n  Ben @2\n",
		"Lovelace, Ada\nÖz, Ben\n":                    "7b:\n  Lovelace, Ada @1\n  Öz, Ben @2\n",
		"1;Ada Lovelace;10.12.2011\n2;Ben Öz;1/1/11":  "7b:\n  Ada Lovelace @1\n  Ben Öz @2\n",
		"Ada Lovelace\t8a\nBen Öz\t8b":                "8a:\n  Ada Lovelace @1\n8b:\n  Ben Öz @2\n",
		"Nam\nAda":                                    "7b:\n  Nam @1\n  Ada @2\n",
		"Name\nAda":                                   "7b:\n  Ada @2\n",
		"Class list 2026\n\nNr;Name;Born\n1;Ada;2011": "7b:\n  Ada @4\n",
	} {
		if diff := cmp.Diff(parseAndDescribe(t, `C:\lists\7b.txt`, []byte(text)), want); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
	_, err := Parse("a.csv", []byte("\nAda;Lovelace\nBen;Öz\n"))
	checkRefused(t, err, "no_header a.csv:2")
}

func TestWhatIsLeftOutIsToldByLine(t *testing.T) {
	text := "id,name,class\n" +
		"1,Ada,7b\n" +
		"1,Ben,7b\n" + // the id again
		"2,ada,7b\n" + // the name again, of another pupil
		",ADA,7b\n" + // and of either of the two
		"3,,7b\n" +
		"4," + strings.Repeat("x", 61) + ",7b\n" +
		"5,Eve,\n" +
		"1.2E+11,Fay,7b\n" +
		"7,G\u202eus,7b\n" +
		"8,\"Hal,7b\n" +
		"9,Ida \"I\" Ott,7b\n" +
		"10,\"Jan\nMay\",7b\n" +
		"11,ken@x.org,7b\n" +
		"12,Lou,7b"
	want := `7b:
  Ada [1] @2
  ada (2) [2] @4
  Fay @9
  Ida "I" Ott [9] @12
  Lou [12] @16
! a.csv:3 duplicate
! a.csv:4 namesake
! a.csv:5 duplicate
! a.csv:6 no_name
! a.csv:7 too_long
! a.csv:8 no_class
! a.csv:9 lost_id
! a.csv:10 bad_text
! a.csv:11 bad_quotes
! a.csv:13 bad_quotes
! a.csv:15 no_name
`
	if diff := cmp.Diff(parseAndDescribe(t, "a.csv", []byte(text)), want); diff != "" {
		t.Error(diff)
	}
}

func TestRunningNumbersAreNoIds(t *testing.T) {
	want := "7b:\n  A @2\n  B @3\n  C @4\n  D @5\n  E @6\n"
	if diff := cmp.Diff(parseAndDescribe(t, "7b.csv", []byte("ID,Name\n1,A\n2,B\n3,C\n4,D\n5,E")), want); diff != "" {
		t.Error(diff)
	}
}

func TestAWorkbookIsReadFromItsFirstSheetWithData(t *testing.T) {
	data := packWorkbook(t, nil, [][]any{
		{"Class list"},
		nil,
		{"Student\nID", "Full name", "Class", "Born"},
		{123456789012, "Ada Lovelace", 7, "10.12.2011"},
		nil,
		{"x-2", "Ben Öz", 7, 40000},
	})
	want := "7:\n  Ada Lovelace [123456789012] @4\n  Ben Öz [x-2] @6\n"
	if diff := cmp.Diff(parseAndDescribe(t, "a.xlsx", data), want); diff != "" {
		t.Error(diff)
	}
	_, err := Parse("a.xlsx", packWorkbook(t, nil))
	checkRefused(t, err, "empty file")
	_, err = Parse("a.xlsx", packZip(t, "[Content_Types].xml", "<Types>", "xl/workbook.xml", "<workbook"))
	checkRefused(t, err, "damaged file")
}

func TestWhatIsNoListIsRefusedWithAdvice(t *testing.T) {
	for text, want := range map[string]string{
		"":                                 "empty file",
		"\n\n ;; \n":                       "empty file",
		"name,class\n":                     "empty file",
		"%PDF-1.7":                         "no_list file",
		"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "old_excel file",
		"<html><table><tr><td>Ada":         "web_page file",
		"PK\x03\x04nonsense":               "damaged file",
		"Ada\nB\x00n":                      "no_list a:2",
		strings.Repeat("x", MaxFile+1):     "too_large file",
	} {
		_, err := Parse("a", []byte(text))
		checkRefused(t, err, want)
	}
	var b strings.Builder
	for n := range MaxRows + 2 {
		fmt.Fprintf(&b, "Pupil N%d\n", n)
	}
	_, err := Parse("a.csv", []byte(b.String()))
	checkRefused(t, err, fmt.Sprintf("too_many_rows a.csv:%d", MaxRows+1))
}

func TestProblemsAreListedUpToALimitAndCounted(t *testing.T) {
	tab, err := Parse("a.csv", []byte("name,id\nAda,1\n"+strings.Repeat(",7\n", MaxProblems+50)))
	if err != nil || len(tab.Problems) != MaxProblems+1 || tab.Problems[MaxProblems].Message != "50 more problems are not listed" {
		t.Errorf("%v: %d problems", err, len(tab.Problems))
	}
}

// Each code page has the letters of other languages in the same places.
func TestAListIsReadInTheCodePageOfItsHeadings(t *testing.T) {
	for text, page := range map[string]encoding.Encoding{
		"Nazwisko;Imię;Klasa\nŁoś;Świętosława;8c\n":         charmap.Windows1250,
		"Příjmení;Jméno;Třída\nČeněk;Růžena;8.C\n":          charmap.Windows1250,
		"Öğrenci No;Adı;Soyadı;Sınıfı\n81;Işık;Şahin;8/C\n": charmap.Windows1254,
		"Фамилия;Имя;Класс\nЛось;Иван;8В\n":                 charmap.Windows1251,
		"Επώνυμο;Όνομα;Τμήμα\nΛύκος;Άρης;Β3\n":              charmap.Windows1253,
		"שם משפחה;שם פרטי;כיתה\nכהן;נועה;ח3\n":              charmap.Windows1255,
		"Uzvārds;Vārds;Klase\nBērziņš;Jānis;8.c\n":          charmap.Windows1257,
		"اسم الطالب;الصف\nنور الحداد;8\n":                   charmap.Windows1256,
		"Nom élève;Prénom élève;Classe\nN’DIAYE;Zoé;4C\n":   charmap.Windows1252,
	} {
		data, err := page.NewEncoder().String(text)
		if err != nil {
			t.Fatal(text, err)
		}
		if diff := cmp.Diff(parseAndDescribe(t, "l.csv", []byte(data)), parseAndDescribe(t, "l.csv", []byte(text))); diff != "" {
			t.Errorf("%s", diff)
		}
	}
}
