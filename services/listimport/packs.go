package listimport

import (
	"archive/zip"
	"path"
	"strings"
)

// A pack is a zip of CSV files of another program with the same parts as a OneRoster zip. Its
// files and headings are renamed, and then it is read as OneRoster.
type pack struct {
	files   map[string]string            // names in OneRoster by the pack's own, in small letters
	columns map[string]map[string]string // headings in OneRoster by file there and the pack's own
}

// packs are School Data Sync of Microsoft, version 1, and Clever. Version 2 of School Data Sync has
// the names of OneRoster.
var packs = []pack{
	{
		files: map[string]string{"school.csv": orgsFile, "student.csv": usersFile, "section.csv": classesFile, "studentenrollment.csv": enrollmentsFile},
		columns: map[string]map[string]string{
			orgsFile:        {"SIS ID": "sourcedId", "Name": "name"},
			usersFile:       {"SIS ID": "sourcedId", "First Name": "givenName", "Last Name": "familyName"},
			classesFile:     {"SIS ID": "sourcedId", "Section Name": "title", "School SIS ID": "schoolSourcedId", "Section Number": "classCode"},
			enrollmentsFile: {"Section SIS ID": "classSourcedId", "SIS ID": "userSourcedId"},
		},
	},
	{
		files: map[string]string{"schools.csv": orgsFile, "students.csv": usersFile, "sections.csv": classesFile, "enrollments.csv": enrollmentsFile},
		columns: map[string]map[string]string{
			orgsFile:        {"School_id": "sourcedId", "School_name": "name"},
			usersFile:       {"Student_id": "sourcedId", "First_name": "givenName", "Last_name": "familyName"},
			classesFile:     {"Section_id": "sourcedId", "Name": "title", "School_id": "schoolSourcedId", "Section_number": "classCode"},
			enrollmentsFile: {"Section_id": "classSourcedId", "Student_id": "userSourcedId"},
		},
	},
}

// findPack returns the pack that a zip is, and its files by their names in OneRoster.
func findPack(files map[string]*zip.File) (*pack, map[string]*zip.File) {
	for i, p := range packs {
		named := map[string]*zip.File{}
		for own, name := range p.files {
			if f := files[own]; f != nil {
				named[name] = f
			}
		}
		if named[usersFile] != nil && named[classesFile] != nil && named[enrollmentsFile] != nil {
			return &packs[i], named
		}
	}
	return nil, files
}

// rename gives a row of headings the names of OneRoster.
func (p *pack) rename(file string, heading []string) []string {
	if p == nil {
		return heading
	}
	out := make([]string, len(heading))
	for i, h := range heading {
		out[i] = h
		for own, name := range p.columns[file] {
			if foldHeading(own) == foldHeading(h) {
				out[i] = name
			}
		}
	}
	return out
}

// onlyList returns the list of a zip that has one file for a list and no tables of a pack.
func onlyList(z *zip.Reader) *zip.File {
	var only *zip.File
	for _, f := range z.File {
		name := strings.ReplaceAll(f.Name, `\`, "/")
		if strings.HasSuffix(name, "/") || strings.HasPrefix(name, "__MACOSX/") || path.Base(name)[0] == '.' {
			continue
		}
		if only != nil {
			return nil
		}
		only = f
	}
	return only
}
