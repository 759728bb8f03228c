package listimport

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestZipsOfSchoolSystemsAreRead(t *testing.T) {
	const want = "Science 8C [k1]:\n  Nele Brandt [81] @2\n  Sade Okoro [82] @3\n"
	for name, files := range map[string][]string{
		"School Data Sync 1": {
			"School.csv", "SIS ID,Name\n100,North\n", "Teacher.csv", "SIS ID,School SIS ID,Username,First Name,Last Name\n9,100,eve,Eve,Stone\n",
			"Student.csv", "SIS ID,School SIS ID,Username,First Name,Last Name,Password\n81,100,nele,Nele,Brandt,\n82,100,sade,Sade,Okoro,\n",
			"Section.csv", "SIS ID,School SIS ID,Section Name,Section Number,Term SIS ID\nk1,100,Science 8C,,T\n",
			"StudentEnrollment.csv", "Section SIS ID,SIS ID\nk1,81\nk1,82\n", "TeacherRoster.csv", "Section SIS ID,SIS ID\nk1,9\n",
		},
		"School Data Sync 2": {
			"orgs.csv", "sourcedId,name,type,parentSourcedId\n100,North,school,\n",
			"users.csv", "sourcedId,username,givenName,familyName,password\n81,nele,Nele,Brandt,\n82,sade,Sade,Okoro,\n9,eve,Eve,Stone,\n",
			"roles.csv", "userSourcedId,orgSourcedId,role\n81,100,student\n82,100,student\n9,100,teacher\n",
			"classes.csv", "sourcedId,orgSourcedId,title\nk1,100,Science 8C\n",
			"enrollments.csv", "classSourcedId,userSourcedId,role\nk1,81,student\nk1,82,student\nk1,9,teacher\n",
		},
		"Clever": {
			"schools.csv", "School_id,School_name\n100,North\n", "teachers.csv", "School_id,Teacher_id,First_name,Last_name\n100,9,Eve,Stone\n",
			"students.csv", "School_id,Student_id,Last_name,First_name,Grade\n100,81,Brandt,Nele,8\n100,82,Okoro,Sade,8\n",
			"sections.csv", "School_id,Section_id,Teacher_id,Name,Grade\n100,k1,9,Science 8C,8\n",
			"enrollments.csv", "School_id,Section_id,Student_id\n100,k1,81\n100,k1,82\n",
		},
	} {
		got := parseAndDescribe(t, "school.zip", packZip(t, files...))
		if diff := cmp.Diff(strings.Replace(got, "! manifest.csv:0 no_manifest\n", "", 1), want); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestAListInAZipIsRead(t *testing.T) {
	if diff := cmp.Diff(parseAndDescribe(t, "l.zip", packZip(t, "Users/8C.csv", "Name\nNele Brandt\n")), "8C:\n  Nele Brandt @2\n"); diff != "" {
		t.Error(diff)
	}
	_, err := Parse("l.zip", packZip(t, "photo.jpg", "\xff\xd8\xff"))
	checkRefused(t, err, "missing_file file")
}

const odsMime = "application/vnd.oasis.opendocument.spreadsheet"

// odsOf is the content of an OpenDocument spreadsheet with the given rows.
func odsOf(rows string) string {
	return `<?xml version="1.0"?><office:document-content xmlns:office="o" xmlns:table="t" xmlns:text="x"><office:body><office:spreadsheet>` +
		`<table:table table:name="Empty"><table:table-row table:number-rows-repeated="1048576"><table:table-cell table:number-columns-repeated="16384"/></table:table-row></table:table>` +
		`<table:table table:name="List">` + rows + `</table:table></office:spreadsheet></office:body></office:document-content>`
}

func TestAnOpenDocumentSpreadsheetIsRead(t *testing.T) {
	cell := func(texts ...string) string {
		var out strings.Builder
		out.WriteString("<table:table-row>")
		for _, s := range texts {
			out.WriteString("<table:table-cell><text:p>" + s + "</text:p></table:table-cell>")
		}
		return out.String() + `<table:table-cell table:number-columns-repeated="16000"/></table:table-row>`
	}
	rows := cell("Vorname", "Nachname", "Klasse") + cell("Nele", "van<text:s/>Brandt", "8C") +
		`<table:table-row table:number-rows-repeated="3"><table:table-cell/></table:table-row>` +
		`<table:table-row><table:table-cell><office:annotation><text:p>a note</text:p></office:annotation><text:p>Sade</text:p></table:table-cell><table:table-cell><text:p>Okoro</text:p></table:table-cell><table:table-cell><text:p>8C</text:p></table:table-cell></table:table-row>` +
		`<table:table-row table:number-rows-repeated="1000000"><table:table-cell table:number-columns-repeated="16384"/></table:table-row>`
	got := parseAndDescribe(t, "l.ods", packZip(t, "mimetype", odsMime, "content.xml", odsOf(rows)))
	if diff := cmp.Diff(got, "8C:\n  Nele van Brandt @2\n  Sade Okoro @6\n"); diff != "" {
		t.Error(diff)
	}
}

func TestOtherDocumentsAndHostileOnesAreRefused(t *testing.T) {
	wide := `<table:table-row table:number-rows-repeated="2000000"><table:table-cell table:number-columns-repeated="2000000"><text:p>Nele</text:p></table:table-cell></table:table-row>`
	for want, files := range map[string][]string{
		"document file":       {"mimetype", "application/vnd.oasis.opendocument.text", "content.xml", "<a/>"},
		"damaged file":        {"mimetype", odsMime, "content.xml", odsOf("<table:table-row>")[:200]},
		"too_many_cells file": {"mimetype", odsMime, "content.xml", odsOf(wide)},
	} {
		_, err := Parse("l.ods", packZip(t, files...))
		checkRefused(t, err, want)
	}
}
