package listimport

import (
	"archive/zip"
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Files of a small school, as OneRoster 1.1 has them.
const (
	manifest = "propertyName,value\nmanifest.version,1.0\noneroster.version,1.1\nfile.users,bulk\nfile.classes,bulk\nfile.enrollments,bulk\n"
	orgs     = "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId\no1,,,North School,school,,\no2,,,South School,school,,\n"
	users    = "sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,userIds,givenName,familyName\n" +
		"u1,active,2026-08-01,true,o1,student,ada,,Ada,Lovelace\n" +
		"u2,active,2026-08-01,true,o1,student,ben,,Ben,Öz\n" +
		"t1,active,2026-08-01,true,o1,teacher,eve,,Eve,Teach\n"
	classes = "sourcedId,status,dateLastModified,title,grades,courseSourcedId,classCode,classType,location,schoolSourcedId\n" +
		"c1,active,,7b Maths,07,k1,M7B,scheduled,,o1\n"
	enrollments = "sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,role,primary,beginDate,endDate\n" +
		"e1,active,,c1,o1,u1,student,false,2026-08-01,1/7/27\n" +
		"e2,active,,c1,o1,u2,student,false,01.08.2026,\n" +
		"e3,active,,c1,o1,t1,teacher,true,,\n"
	cleanZip = "7b Maths [c1]:\n  Ada Lovelace [u1] @2\n  Ben Öz [u2] @3\n"
)

// schoolFiles returns the files of a zip with some of them changed, given as name and new
// content. An empty content leaves the file out.
func schoolFiles(change ...string) []string {
	files := []string{"manifest.csv", manifest, "orgs.csv", orgs, "users.csv", users, "classes.csv", classes, "enrollments.csv", enrollments}
	for i := 0; i < len(change); i += 2 {
		for j := 0; j < len(files); j += 2 {
			if files[j] == change[i] {
				files[j+1] = change[i+1]
			}
		}
	}
	var out []string
	for j := 0; j < len(files); j += 2 {
		if files[j+1] != "" {
			out = append(out, files[j], files[j+1])
		}
	}
	return out
}

func TestAOneRosterZipIsReadWithItsDirt(t *testing.T) {
	swap := strings.NewReplacer
	for dirt, c := range map[string]struct {
		change []string
		want   string
	}{
		"clean":              {nil, cleanZip},
		"version 1.2":        {[]string{"users.csv", "sourcedId,status,dateLastModified,enabledUser,username,userIds,givenName,familyName,userProfiles\nu1,,,TRUE,ada,,Ada,Lovelace,\nu2,,,TRUE,ben,,Ben,Öz,\n"}, cleanZip},
		"mark and CRLF":      {[]string{"users.csv", "\ufeff" + strings.ReplaceAll(users, "\n", "\r\n")}, cleanZip},
		"no final newline":   {[]string{"enrollments.csv", strings.TrimSuffix(enrollments, "\n")}, cleanZip},
		"semicolons":         {[]string{"users.csv", strings.ReplaceAll(users, ",", ";")}, cleanZip},
		"headings in case":   {[]string{"users.csv", swap("sourcedId", "SourcedID", "givenName", "Given_Name").Replace(users)}, cleanZip},
		"no manifest":        {[]string{"manifest.csv", ""}, cleanZip + "! manifest.csv:0 no_manifest\n"},
		"unknown properties": {[]string{"manifest.csv", manifest + "file.unheard,absent\nsource.systemName\n"}, cleanZip},
		"no orgs":            {[]string{"orgs.csv", ""}, cleanZip},
		"slip in optional": {
			[]string{"users.csv", swap("enabledUser", "enabeldUser", "true,o1,student,ben", "false,o1,student,ben").Replace(users)},
			"7b Maths [c1]:\n  Ada Lovelace [u1] @2\n! users.csv:3 disabled\n",
		},
		"to be deleted": {
			[]string{"users.csv", strings.Replace(users, "u2,active", "u2,tobedeleted", 1), "enrollments.csv", strings.Replace(enrollments, "e3,active,,c1,o1,t1,teacher", "e3,toBeDeleted,,c1,o1,u1,student", 1)},
			"7b Maths [c1]:\n  Ada Lovelace [u1] @2\n! enrollments.csv:4 to_be_deleted\n! users.csv:3 to_be_deleted\n",
		},
		"class to be deleted": {
			[]string{"classes.csv", strings.Replace(classes, "c1,active", "c1,tobedeleted", 1)},
			"! classes.csv:2 to_be_deleted\n",
		},
		"points nowhere": {
			[]string{"enrollments.csv", enrollments + "e4,active,,c9,o1,u1,student,,,\ne5,active,,c1,o1,u9,student,,,\n"},
			cleanZip + "! enrollments.csv:5 points_nowhere\n! enrollments.csv:6 points_nowhere\n",
		},
		"duplicates": {
			[]string{"users.csv", users + "u1,active,,true,o1,student,x,,Ada,Again\n", "classes.csv", classes + "c1,active,,Other,,,,,,o1\n", "enrollments.csv", enrollments + "e1,active,,c1,o1,u2,student,,,\ne9,active,,c1,o1,u1,student,,,\n"},
			cleanZip + "! classes.csv:3 duplicate\n! enrollments.csv:5 duplicate\n! enrollments.csv:6 duplicate\n! users.csv:5 duplicate\n",
		},
		"titles alike": {
			[]string{"classes.csv", classes + "c2,,,7b Maths,,,M7B2,,,o2\nc3,,,7b maths,,,,,,o2\nc4,,,7b Maths,,,,,,\n", "enrollments.csv", enrollments + "e4,,,c2,o1,u1,student,,,\ne5,,,c3,o1,u1,student,,,\ne6,,,c4,o1,u1,student,,,\n"},
			cleanZip + "7b Maths · M7B2 [c2]:\n  Ada Lovelace [u1] @2\n7b maths · South School [c3]:\n  Ada Lovelace [u1] @2\n7b Maths (4) [c4]:\n  Ada Lovelace [u1] @2\n",
		},
		"bad rows": {
			[]string{"users.csv", users + ",,,,,,,,No,Id\nu7,,,,,,,," + strings.Repeat("x", 61) + ",\nu8,,,,,,,,,\n"},
			cleanZip + "! users.csv:5 bad_id\n! users.csv:6 too_long\n! users.csv:7 empty\n",
		},
		"no pupils": {[]string{"classes.csv", classes + "c2,,,Empty,,,,,,o2\n"}, cleanZip + "! classes.csv:0 empty_class\n"},
	} {
		if diff := cmp.Diff(parseAndDescribe(t, "school.zip", packZip(t, schoolFiles(c.change...)...)), c.want); diff != "" {
			t.Errorf("%s: %s", dirt, diff)
		}
	}
}

func TestAZipInAFolderIsReadAndOneOfChangesSaysSo(t *testing.T) {
	files := schoolFiles("manifest.csv", strings.Replace(manifest, "users,bulk", "users,delta", 1))
	for i := 0; i < len(files); i += 2 {
		files[i] = "export/" + files[i]
	}
	files = append(files, "__MACOSX/export/._users.csv", "\x00\x05", "export/readme.txt", "hello")
	tab, err := Parse("school.zip", packZip(t, files...))
	if err != nil || !tab.Partial {
		t.Fatalf("%v: partial %v", err, tab.Partial)
	}
	if diff := cmp.Diff(describeTable(tab), cleanZip); diff != "" {
		t.Error(diff)
	}
}

func TestAZipIsRefusedWithFileLineAndReason(t *testing.T) {
	lost := strings.Replace(users, "givenName", "given", 1)
	for want, files := range map[string][]string{
		"missing_header users.csv:1":       schoolFiles("users.csv", lost),
		"missing_header enrollments.csv:1": schoolFiles("enrollments.csv", strings.ReplaceAll(enrollments, "classSourcedId", "klass")),
		"missing_header classes.csv:1":     schoolFiles("classes.csv", "sourcedId,status\nc1,\n"),
		"missing_file users.csv":           schoolFiles("users.csv", ""),
		"twice users.csv":                  append(schoolFiles(), "more/users.csv", users),
		"bad_path file":                    append(schoolFiles(), "../../etc/cron.d/x.csv", "x"),
		"too_many_rows users.csv:20001":    schoolFiles("users.csv", users+strings.Repeat("u,,,,,,,,A,B\n", MaxRows)),
	} {
		_, err := Parse("school.zip", packZip(t, files...))
		checkRefused(t, err, want)
	}
	_, err := Parse("school.zip", packZip(t, schoolFiles("users.csv", strings.Replace(users, "givenName", "givnName", 1))...))
	if err == nil || !strings.Contains(err.Error(), `users.csv, line 1: the column givenName is missing; is "givnName" meant?`) {
		t.Error(err)
	}
	for _, path := range []string{"/etc/users.csv", `..\users.csv`, "a/../users.csv", "c:users.csv", "./users.csv"} {
		_, err := Parse("school.zip", packZip(t, path, users))
		checkRefused(t, err, "bad_path file")
	}
}

func TestAZipBombIsNotUnpacked(t *testing.T) {
	for _, first := range []string{"users.csv", "[Content_Types].xml"} {
		var buf bytes.Buffer
		z := zip.NewWriter(&buf)
		for _, name := range []string{first, "classes.csv"} {
			if _, err := z.CreateRaw(&zip.FileHeader{Name: name, Method: zip.Deflate, UncompressedSize64: maxUnzip/2 + 1}); err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		_, err := Parse("bomb.zip", buf.Bytes())
		checkRefused(t, err, "too_large file")
	}
	var many []string
	for range maxEntries + 1 {
		many = append(many, "users.csv", "")
	}
	_, err := Parse("bomb.zip", packZip(t, many...))
	checkRefused(t, err, "too_many_files file")
}

func TestAZipThatLiesAboutItsSizesIsRefused(t *testing.T) {
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	body := bytes.Repeat([]byte("a,b\n"), 1000)
	w, err := z.CreateRaw(&zip.FileHeader{Name: "users.csv", Method: zip.Store, CompressedSize64: uint64(len(body)), UncompressedSize64: 10})
	if err == nil {
		_, err = w.Write(body)
	}
	if err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	_, err = Parse("lie.zip", buf.Bytes())
	checkRefused(t, err, "damaged users.csv")
}
