package listimport

import (
	"archive/zip"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/livelearn/box/services/errs"
)

// Files of a OneRoster CSV zip that we read, and the columns without which each is useless
// (OneRoster 1.1 CSV tables, section 4). Version 1.2 moves the role of users elsewhere.
const (
	manifestFile    = "manifest.csv"
	usersFile       = "users.csv"
	classesFile     = "classes.csv"
	enrollmentsFile = "enrollments.csv"
	orgsFile        = "orgs.csv"
)

var mandatoryColumns = map[string][]string{
	usersFile:       {"sourcedId", "givenName", "familyName"},
	classesFile:     {"sourcedId", "title"},
	enrollmentsFile: {"classSourcedId", "userSourcedId", "role"},
	orgsFile:        {"sourcedId", "name"},
	manifestFile:    {"propertyName", "value"},
}

// optionalColumns are columns that we read, also with a typing error in their heading.
var optionalColumns = []string{
	"status", "enabledUser", "preferredGivenName", "preferredFamilyName", "preferredFirstName", "preferredLastName", "classCode", "schoolSourcedId",
}

// sheet is one file of the zip.
type sheet struct {
	file    string
	columns map[string]int
	rows    []record
}

func (s sheet) cellOf(r record, name string) string {
	if i, ok := s.columns[foldHeading(name)]; ok && i < len(r.fields) {
		return strings.TrimSpace(r.fields[i])
	}
	return ""
}

// oneRoster is the state of reading a zip.
type oneRoster struct {
	*table
	op         string
	pack       *pack // nil for OneRoster itself
	files      map[string]*zip.File
	users      map[string]person
	orgs       map[string]string // names by id
	classIndex map[string]int    // of classes in table.Classes by id, or -1 if reported already

	takenTitles map[string]bool // names of classes, folded
	titleCounts map[string]int  // classes by their title, folded
}

// person is a user who may be a pupil.
type person struct {
	row  Row
	skip bool // reported already
}

func (t *table) readOneRoster(op string, z *zip.Reader) error {
	files, err := t.csvFiles(op, z)
	if err != nil {
		return err
	}
	pack, files := findPack(files)
	o := oneRoster{
		table: t, op: op, pack: pack, files: files, users: map[string]person{}, orgs: map[string]string{},
		classIndex: map[string]int{}, takenTitles: map[string]bool{}, titleCounts: map[string]int{},
	}
	for _, read := range []func() error{o.readManifest, o.readOrgs, o.readUsers, o.readClasses, o.readEnrollments} {
		if err := read(); err != nil {
			return err
		}
	}
	o.reportEmpty()
	return nil
}

// openSheet reads a file of the zip and its heading. If the file is missing, the sheet has no
// rows, or openSheet returns an error for a required file.
func (o *oneRoster) openSheet(file string, must bool) (sheet, error) {
	s := sheet{file: file, columns: map[string]int{}}
	f := o.files[file]
	if f == nil {
		if must {
			return s, errs.NewField(o.op, file, "missing_file", 0, "%s: the zip has no file %s; it is no OneRoster zip", o.table.file, file)
		}
		return s, nil
	}
	data, err := unpackEntry(o.op, f)
	if err != nil {
		return s, err
	}
	text, err := Decode(o.op, file, data)
	if err != nil {
		return s, err
	}
	records, err := o.splitRecords(o.op, file, text)
	if err != nil {
		return s, err
	}
	if len(records) > MaxRows {
		line := records[MaxRows].line
		return s, errs.NewField(o.op, lineField(file, line), "too_many_rows", MaxRows, "%s, line %d: at most %d rows", file, line, MaxRows)
	}
	heading := record{line: 1}
	if len(records) > 0 {
		heading, s.rows = records[0], records[1:]
		heading.fields = o.pack.rename(file, heading.fields)
	}
	return s, s.findColumns(o.op, heading, o.pack != nil)
}

// findColumns finds the columns. It ignores case, spaces and "_". Apart from that, the required
// headings must be exact.
func (s *sheet) findColumns(op string, r record, pack bool) error {
	for i, f := range slices.Backward(r.fields) { // the first of two with the same name counts
		s.columns[foldHeading(f)] = i
	}
	for _, name := range mandatoryColumns[s.file] {
		if name == "role" && pack {
			continue // its enrolments are of pupils only
		}
		if _, ok := s.columns[foldHeading(name)]; ok {
			continue
		}
		meant := ""
		for _, f := range r.fields {
			if countSlips(foldHeading(f), foldHeading(name), 2) <= 2 {
				meant = fmt.Sprintf("; is %q meant?", shortText(f))
			}
		}
		return errs.NewField(op, lineField(s.file, r.line), "missing_header", 0, "%s, line %d: the column %s is missing%s", s.file, r.line, name, meant)
	}
	for _, name := range optionalColumns {
		if _, ok := s.columns[foldHeading(name)]; ok {
			continue
		}
		for i, f := range r.fields {
			if k := foldHeading(f); !slices.ContainsFunc(slices.Concat(mandatoryColumns[s.file], optionalColumns), func(n string) bool { return foldHeading(n) == k }) &&
				countSlips(k, foldHeading(name), allowedSlips(name)) <= 2 {
				s.columns[foldHeading(name)] = i
				break
			}
		}
	}
	return nil
}

// readManifest reports whether the zip holds changes only. All properties of a manifest are
// optional.
func (o *oneRoster) readManifest() error {
	if o.pack != nil {
		return nil
	}
	if o.files[manifestFile] == nil {
		o.addProblem(manifestFile, 0, "", "no_manifest", "the zip has no manifest.csv; it is read all the same")
		return nil
	}
	s, err := o.openSheet(manifestFile, false)
	for _, r := range s.rows {
		name, value := foldHeading(s.cellOf(r, "propertyName")), strings.ToLower(s.cellOf(r, "value"))
		if value == "delta" && (name == foldHeading("file.users") || name == foldHeading("file.enrollments")) {
			o.Partial = true
		}
	}
	return err
}

func (o *oneRoster) readOrgs() error {
	s, err := o.openSheet(orgsFile, false)
	for _, r := range s.rows {
		o.orgs[s.cellOf(r, "sourcedId")] = s.cellOf(r, "name")
	}
	return err
}

// isDeleted reports a row that the file wants deleted. No file can do that.
func (o *oneRoster) isDeleted(s sheet, r record) bool {
	if !strings.EqualFold(foldHeading(s.cellOf(r, "status")), "tobedeleted") {
		return false
	}
	o.addProblem(s.file, r.line, r.raw, "to_be_deleted", "the file wants this deleted; the box deletes nothing by a file")
	return true
}

// sourcedID returns a row's id, if it has one that no row above has.
func (o *oneRoster) sourcedID(s sheet, r record, has func(string) bool) (string, bool) {
	id := s.cellOf(r, "sourcedId")
	switch _, err := CleanName("", "id", id, maxID); {
	case err != nil:
		o.addProblem(s.file, r.line, r.raw, "bad_id", "the sourcedId is missing or no id")
	case has(id):
		o.addProblem(s.file, r.line, r.raw, "duplicate", "another row has this sourcedId")
	default:
		return id, true
	}
	return "", false
}

func (o *oneRoster) readUsers() error {
	s, err := o.openSheet(usersFile, true)
	for _, r := range s.rows {
		id, ok := o.sourcedID(s, r, func(id string) bool { _, has := o.users[id]; return has })
		if !ok {
			continue
		}
		if o.isDeleted(s, r) {
			o.users[id] = person{skip: true}
			continue
		}
		first := cmp.Or(s.cellOf(r, "preferredGivenName"), s.cellOf(r, "preferredFirstName"), s.cellOf(r, "givenName"))
		last := cmp.Or(s.cellOf(r, "preferredFamilyName"), s.cellOf(r, "preferredLastName"), s.cellOf(r, "familyName"))
		name, err := CleanName("", "name", first+" "+last, MaxName)
		p := person{row: Row{Source: id, Name: name, File: s.file, Line: r.line}, skip: true}
		switch {
		case err != nil:
			o.addError(s.file, r.line, r.raw, err)
		case isData(name):
			o.addProblem(s.file, r.line, r.raw, "no_name", "there is no name on this line")
		case strings.EqualFold(s.cellOf(r, "enabledUser"), "false"):
			o.addProblem(s.file, r.line, r.raw, "disabled", "this user is disabled and was left out")
		default:
			p.skip = false
		}
		o.users[id] = p
	}
	return err
}

func (o *oneRoster) readClasses() error {
	s, err := o.openSheet(classesFile, true)
	for _, r := range s.rows {
		id, ok := o.sourcedID(s, r, func(id string) bool { _, has := o.classIndex[id]; return has })
		if !ok {
			continue
		}
		o.classIndex[id] = -1
		if o.isDeleted(s, r) {
			continue
		}
		name, err := o.uniqueTitle(s, r)
		if err != nil {
			o.addError(s.file, r.line, r.raw, err)
			continue
		}
		o.classIndex[id] = len(o.Classes)
		o.Classes = append(o.Classes, Class{Source: id, Name: name, Pupils: []Row{}})
	}
	return err
}

// uniqueTitle returns a name for a class that no other class has. Several courses of a school may
// have the same title, and then it adds their code, their school or a number.
func (o *oneRoster) uniqueTitle(s sheet, r record) (string, error) {
	title, err := CleanName("", "title", s.cellOf(r, "title"), MaxName)
	if err != nil {
		return "", err
	}
	names := []string{title}
	for _, more := range []string{s.cellOf(r, "classCode"), o.orgs[s.cellOf(r, "schoolSourcedId")]} {
		if more != "" && FoldName(more) != FoldName(title) {
			names = append(names, title+" · "+more)
		}
	}
	o.titleCounts[FoldName(title)]++
	names = append(names, fmt.Sprintf("%s (%d)", title, o.titleCounts[FoldName(title)]))
	for _, name := range names {
		if name, err := CleanName("", "title", name, MaxName); err == nil && !o.takenTitles[FoldName(name)] {
			o.takenTitles[FoldName(name)] = true
			return name, nil
		}
	}
	return "", errs.NewField("", "title", "duplicate", 0, "other classes have this title")
}

func (o *oneRoster) readEnrollments() error {
	s, err := o.openSheet(enrollmentsFile, true)
	ids := map[string]bool{}
	for _, r := range s.rows {
		if id := s.cellOf(r, "sourcedId"); id != "" {
			if ids[id] {
				o.addProblem(s.file, r.line, r.raw, "duplicate", "another row has this sourcedId")
				continue
			}
			ids[id] = true
		}
		if o.pack == nil && !strings.EqualFold(s.cellOf(r, "role"), "student") || o.isDeleted(s, r) {
			continue
		}
		p, known := o.users[s.cellOf(r, "userSourcedId")]
		i, placed := o.classIndex[s.cellOf(r, "classSourcedId")]
		switch {
		case !known:
			o.addProblem(s.file, r.line, r.raw, "points_nowhere", "no user has this userSourcedId")
		case !placed:
			o.addProblem(s.file, r.line, r.raw, "points_nowhere", "no class has this classSourcedId")
		case !p.skip && i >= 0:
			o.enrolPupil(i, p.row, s.file, r)
		}
	}
	return err
}

// enrolPupil puts a pupil into a class. Two pupils of a class with the same name are reported at
// the enrolment, since their own rows are fine.
func (o *oneRoster) enrolPupil(i int, row Row, file string, r record) {
	if _, twice := o.firstLines[uniqueKey{i, "i" + row.Source}]; twice {
		o.addProblem(file, r.line, r.raw, "duplicate", "this user is in the class already")
		return
	}
	o.addTo(i, row, row.Name)
}

// reportEmpty reports classes without pupils, which are left out.
func (o *oneRoster) reportEmpty() {
	var names []string
	for _, c := range o.Classes {
		if len(c.Pupils) == 0 {
			names = append(names, c.Name)
		}
	}
	if len(names) > 0 {
		text := strings.Join(names[:min(len(names), maxText)], ", ")
		o.addProblem(classesFile, 0, text, "empty_class", fmt.Sprintf("%d classes have no pupils and were left out", len(names)))
	}
}
