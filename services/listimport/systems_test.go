package listimport

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// lists are class lists in the formats of the schools' programs, and the pupils in them.
var lists = map[string]struct{ text, want string }{
	"ONDE": {
		"Nom élève;Nom d'usage élève;Prénom élève;Date naissance;Sexe;INE;Cycle;Niveau;Libellé classe;Identifiant classe\n" +
			"OTT;;Amélie;01/02/2015;F;111AB;CYCLE III;CM1;CM1 B;7\nPERL;NOOR;Zoé;03/04/2015;F;111AC;CYCLE III;CM1;CM1 B;7\n",
		"CM1 B:\n  Amélie OTT [111AB] @2\n  Zoé NOOR [111AC] @3\n",
	},
	"SIECLE": {
		"INE;Nom de famille;Nom d'usage;Prénom 1;Prénom 2;Prénom 3;Division\n1A;OTT;;Amélie;Rose;;5B\n1B;PERL;;Zoé;;;5B\n",
		"5B:\n  Amélie Rose OTT [1A] @2\n  Zoé PERL [1B] @3\n",
	},
	"SIMS": {
		"Admission No,UPN,Legal Surname,Legal Forename,Preferred Name,Date of Birth,Gender,Year Group,Reg Group\n" +
			"B1,Y1,Ott,Amelia,Mia,01/02/2013,F,Year 8,8C\nB2,Y2,Perl,Zoe,,03/04/2013,F,Year 8,8C\n",
		"8C:\n  Mia Ott [B1] @2\n  Zoe Perl [B2] @3\n",
	},
	"Arbor": {
		"Arbor Student ID,Legal first name,Legal last name,Preferred first name,Preferred last name,Registration form\n1,Amelia,Ott,Mia,Noor,8C\n",
		"8C:\n  Mia Noor @2\n",
	},
	"WebUntis": {
		"externKey\tname\tlongName\tforeName\tgender\tbirthDate\tklasse.name\n1\tOttA\tOtt\tAmélie\tW\t01.02.2013\t8c\n2\tPerlZ\tPerl\tZoé\tW\t02.02.2013\t8c\n",
		"8c:\n  Amélie Ott [1] @2\n  Zoé Perl [2] @3\n",
	},
	"Kolibri": {
		"Database ID (UUID),Username (USERNAME),Password (PASSWORD),Full name (FULL_NAME),User type (USER_TYPE),Identifier (IDENTIFIER),Birth year (BIRTH_YEAR),Gender (GENDER)," +
			"Learner class enrollment (ENROLLED_IN),Coach class assignment (ASSIGNED_TO)\n,ott,*,Mia Ott,LEARNER,,2012,FEMALE,8C,\n,c1,*,Eva Teach,CLASS_COACH,,,,,8C\n,a1,*,Al Ad,ADMIN,,,,,\n",
		"8C:\n  Mia Ott @2\n! l.csv:3 adult\n! l.csv:4 adult\n",
	},
	"Google Admin": {
		"First Name [Required],Last Name [Required],Email Address [Required],Password [Required],Org Unit Path [Required]\n" +
			"Mia,Ott,mia@x.example,****,/Pupils/8C\nZoe,Perl,zoe@x.example,****,/Pupils/8C\n",
		"l:\n  Mia Ott @2\n  Zoe Perl @3\n",
	},
	"Google Classroom": {
		"Last Name,First Name,Email Address,Algebra\n,,,2026-02-11\nPoints,,,20\nClass average,,,17.5\nOtt,Mia,mia@x.example,19\nPerl,Zoe,zoe@x.example,16\n",
		"l:\n  Mia Ott @5\n  Zoe Perl @6\n! l.csv:2 no_name\n! l.csv:3 summary\n! l.csv:4 summary\n",
	},
	"Canvas": {
		"Student,ID,SIS User ID,SIS Login ID,Section,Essay (12)\n    Points Possible,,,,,10\n\"Ott, Mia\",51,s1,mia,8C,9\n\"Perl, Zoe\",52,s2,zoe,8C,8\n",
		"8C:\n  Mia Ott [51] @3\n  Zoe Perl [52] @4\n! l.csv:2 summary\n",
	},
	"FileMaker": {
		"PUPIL::STUFirstName,PUPIL::STULastName,PUPIL::STUCurrGrade\nMia,Ott,8\nZoe,Perl,8\n",
		"8:\n  Mia Ott @2\n  Zoe Perl @3\n",
	},
	"PowerSchool": {
		"Student_Number,First_Name,Middle_Name,Last_Name,Grade_Level,Home_Room\n701,Mia,Jo,Ott,8,8C\n702,Mia,Lu,Ott,8,8C\n",
		"8C:\n  Mia Jo Ott [701] @2\n  Mia Lu Ott [702] @3\n",
	},
	"Infinite Campus": {
		"student.studentNumber,student.lastName,student.firstName,student.grade\n701,Ott,Mia,08\n702,Perl,Zoe,08\n",
		"08:\n  Mia Ott [701] @2\n  Zoe Perl [702] @3\n",
	},
	"Moodle": {
		"First name,Last name,ID number,Institution,Department,Email address,Course total (Real)\nMia,Ott,s1,X,Y,mia@x.example,85.5\n",
		"l:\n  Mia Ott @2\n",
	},
	"Séneca": {
		"Alumno/a;Nº Id. Escolar;Fecha de nacimiento;Curso;Unidad\n\"Ott Perl, Mía\";551;01/02/2013;1º de E.S.O.;1ESO-A\n",
		"1ESO-A:\n  Mía Ott Perl @2\n",
	},
	"two surnames": {
		"Nombre,Apellido paterno,Apellido materno,Grado,Grupo\nMía,Ott,Perl,2,A\nZoe,Noor,Lem,2,B\n",
		"2A:\n  Mía Ott Perl @2\n2B:\n  Zoe Noor Lem @3\n",
	},
	"curso y grupo": {
		"Primer apellido;Segundo apellido;Nombre;Curso;Grupo\nOtt;Perl;Mía;2º ESO;A\n",
		"2º ESO A:\n  Mía Ott Perl @2\n",
	},
	"Noor": {
		"رقم الهوية,اسم الطالب,الصف,الفصل\n21,ميا أوت,الثامن,أ\n22,زوي بيرل,الثامن,ب\n23,نور ليم,التاسع,أ\n",
		"الثامن أ:\n  ميا أوت [21] @2\nالثامن ب:\n  زوي بيرل [22] @3\nالتاسع أ:\n  نور ليم [23] @4\n",
	},
	"sections of a number": {"Name,Year,Section\nMia Ott,1,10\nZoe Perl,1,1\n", "1/10:\n  Mia Ott @2\n1/1:\n  Zoe Perl @3\n"},
	"numbered sections": {
		"اسم الطالب,الصف,الشعبة\nميا أوت,8,1\nزوي بيرل,9,1\n",
		"8/1:\n  ميا أوت @2\n9/1:\n  زوي بيرل @3\n",
	},
	"Massar": {
		"رقم التلميذ;الاسم;النسب;النوع;تاريخ الازدياد;مكان الازدياد\nG1;ميا;أوت;أنثى;2013-02-01;الرباط\nG2;زوي;بيرل;أنثى;2013-03-01;فاس\n",
		"l:\n  ميا أوت [G1] @2\n  زوي بيرل [G2] @3\n",
	},
	"father's name": {
		"الاسم الأول,اسم الأب,اسم الجد,العائلة,الصف\nميا,سامي,نور,أوت,8\n",
		"8:\n  ميا سامي نور أوت @2\n",
	},
	"class and section":     {"Name,Class,Section\nMia Ott,8,C\nZoe Perl,9,C\n", "8C:\n  Mia Ott @2\n9C:\n  Zoe Perl @3\n"},
	"course and section":    {"Name,Course,Section\nMia Ott,Algebra I,2\n", "Algebra I 2:\n  Mia Ott @2\n"},
	"section with its year": {"Name,Class,Section\nMia Ott,8,8C\n", "8C:\n  Mia Ott @2\n"},
	"marks":                 {"name,total,grade\nMia Ott,85,B+\nZoe Perl,71,C-\n", "l:\n  Mia Ott @2\n  Zoe Perl @3\n! l.csv:1 marks\n"},
	"plain marks":           {"name,grade\nMia Ott,B\nZoe Perl,A\n", "l:\n  Mia Ott @2\n  Zoe Perl @3\n! l.csv:1 marks\n"},
	"marks in numbers":      {"name,grade\nMia Ott,85\nZoe Perl,7\nNoor Lem,91.5\n", "l:\n  Mia Ott @2\n  Zoe Perl @3\n  Noor Lem @4\n! l.csv:1 marks\n"},
	"marks and years":       {"name,grade,class\nMia Ott,91 %,8C\n", "8C:\n  Mia Ott @2\n! l.csv:1 marks\n"},
	"years":                 {"name,year\nMia Ott,Year 8\nZoe Perl,Year 9\n", "Year 8:\n  Mia Ott @2\nYear 9:\n  Zoe Perl @3\n"},
	"preferred":             {"First Name,Preferred Name,Last Name,Class\nAmelia,Mia,Ott,8C\nZoe,,Perl,8C\n", "8C:\n  Mia Ott @2\n  Zoe Perl @3\n"},
	"preferred whole":       {"First Name,Preferred Name,Last Name,Class\nAmelia,Mia Ott,Ott,8C\n", "8C:\n  Mia Ott @2\n"},
	"namesakes by address": {
		"Name,Email,Class\nMia Ott,mia1@x.example,8C\nMia Ott,mia2@x.example,8C\nMia Ott,mia1@x.example,8C\n",
		"8C:\n  Mia Ott @2\n  Mia Ott (2) @3\n! l.csv:3 namesake\n! l.csv:4 duplicate\n",
	},
	"namesakes by birth": {
		"Name,Date of birth\nMia Ott,01/02/2013\nMia Ott,09/09/2013\nMia Ott,01/01/2013\n",
		"l:\n  Mia Ott @2\n  Mia Ott (2) @3\n  Mia Ott (3) @4\n! l.csv:3 namesake\n! l.csv:4 namesake\n",
	},
	"roles":                {"Name,Role\nMia Ott,Student\nEva Teach,Teacher\nAl Ad,Teaching assistant\n", "l:\n  Mia Ott @2\n! l.csv:3 adult\n! l.csv:4 adult\n"},
	"roles in French":      {"Nom;Prénom;Statut\nOTT;Mia;Élève\nTEACH;Eva;Enseignante\n", "l:\n  Mia OTT @2\n! l.csv:3 adult\n"},
	"roles in Arabic":      {"الاسم,الدور\nميا أوت,طالبة\nإيفا,معلمة\nآل,أستاذ\n", "l:\n  ميا أوت @2\n! l.csv:3 adult\n! l.csv:4 adult\n"},
	"sums below":           {"Name,Class\nMia Ott,8C\nTotal: 1,\n28 pupils,\n", "8C:\n  Mia Ott @2\n! l.csv:3 summary\n! l.csv:4 summary\n"},
	"sums in French":       {"Nom;Prénom;Note\nOTT;Mia;12\nMoyenne de la classe;;12,5\n", "l:\n  Mia OTT @2\n! l.csv:3 summary\n"},
	"a pupil of that name": {"First name,Last name\nPoints,Ott\nMia,Total\n", "l:\n  Points Ott @2\n  Mia Total @3\n"},
	"somebody else":        {"First name,Last name,Parent first name,Teacher name,Homeroom teacher\nMia,Ott,Ed,Eva Teach,Eva Teach\n", "l:\n  Mia Ott @2\n"},
	"KAMAR":                {"Student ID,Last Name,First Name,Level,Tutor\n701,Ott,Mia,9,9KOW\n702,Perl,Zoe,10,10TMA\n", "9KOW:\n  Mia Ott [701] @2\n10TMA:\n  Zoe Perl [702] @3\n"},
	"a tutor with a name":  {"Last Name,First Name,Level,Tutor\nOtt,Mia,9,Eva Teach\nPerl,Zoe,9,Eva Teach\n", "9:\n  Mia Ott @2\n  Zoe Perl @3\n"},
	"a tutor and a form":   {"Name,Year,Form,Tutor\nMia Ott,9,9KOW,9XX\nZoe Perl,9,9KOW,9XX\n", "9KOW:\n  Mia Ott @2\n  Zoe Perl @3\n"},
	"Italian":              {"Cognome;Nome;Classe\nOtt;Mia;2C\n", "2C:\n  Mia Ott @2\n"},
	"Dutch":                {"Voornaam;Tussenvoegsel;Achternaam;Klas\nMia;van;Ott;2C\n", "2C:\n  Mia van Ott @2\n"},
	"given names only":     {"First name,Class,City\nMia,8C,Rome\nZoe,8C,Paris\n", "8C:\n  Mia @2\n  Zoe @3\n"},
}

func TestListsOfTheProgramsOfSchoolsAreRead(t *testing.T) {
	for name, c := range lists {
		tab, err := Parse("l.csv", []byte(c.text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := describeTable(tab)
		if i := strings.Index(c.want, "["); i < 0 { // ids do not matter in rows without one
			got = withoutIDs(tab)
		}
		if diff := cmp.Diff(got, c.want); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func withoutIDs(tab Table) string {
	for _, c := range tab.Classes {
		for i := range c.Pupils {
			c.Pupils[i].Source = ""
		}
	}
	return describeTable(tab)
}

// Half of a name is worse than no list: the teacher would find it in the lesson.
func TestAListThatIsHalfUnderstoodIsRefusedWithItsColumns(t *testing.T) {
	for text, want := range map[string][]string{
		"foreName,Hausname,class\nMia,Ott,8C\nZoe,Perl,8C\n":               {"half_name l.csv:1", `"foreName"`, `"Hausname"`},
		"Nachname;Prenomen;Klasse\nOtt;Mia;8c\nPerl;Zoé;8c\n":              {"half_name l.csv:1", `"Nachname"`, `"Prenomen"`},
		"Name,Blim\nMia,Ott\nZoe,Perl\n":                                   {"half_name l.csv:1", `"Name"`, `"Blim"`},
		"Preferred name,Clan,Class\nMia,Ott,8C\nZoe,Perl,8C\n":             {"half_name l.csv:1", `"Preferred name"`, `"Clan"`},
		"First name,Middle name,Clan\nMia,Jo,Ott\nZoe,Lu,Perl\n":           {"half_name l.csv:1", `"First name"`, `"Clan"`},
		"List of 8C\n\nVorname;Hausname\nMia;Ott\nZoé;Perl\n":              {"half_name l.csv:3", `"Vorname"`, `"Hausname"`},
		"Zork,Quiddle\nMia Ott,8C\nZoe Perl,8C\n":                          {"no_header l.csv:1", `"Zork"`, `"Quiddle"`},
		"Zork,Tarehe\nMia Ott,01/02/2013\nZoe Perl,03/02/2013\n":           {"no_header l.csv:1", `"Zork"`, `"Tarehe"`},
		"Zork,Blim,Snail\nMia,Ott,mia@x.example\nZoe,Perl,zoe@x.example\n": {"no_header l.csv:1", `"Zork"`, `"Blim"`},
	} {
		_, err := Parse("l.csv", []byte(text))
		checkRefused(t, err, want[0])
		for _, part := range want[1:] {
			if err != nil && !strings.Contains(err.Error(), part) {
				t.Errorf("%s is not in %q", part, err)
			}
		}
	}
}

func TestNamesakesHaveALimit(t *testing.T) {
	var b strings.Builder
	b.WriteString("Name,Email\n")
	for n := range MaxRows - 1 {
		fmt.Fprintf(&b, "Mia Ott,%d@x.example\n", n)
	}
	tab, err := Parse("l.csv", []byte(b.String()))
	if err != nil || len(tab.Classes[0].Pupils) != maxNamesakes || tab.Classes[0].Pupils[maxNamesakes-1].Name != "Mia Ott (20)" {
		t.Errorf("%v: %d pupils", err, len(tab.Classes[0].Pupils))
	}
}
