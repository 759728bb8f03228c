package intake

import (
	"archive/zip"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/livelearn/box/services/errs"
)

// Files of a OneRoster CSV zip that we read, and the columns without which each is
// useless (OneRoster 1.1 CSV tables, section 4; 1.2 moves the role of users elsewhere).
const (
	manifestFile    = "manifest.csv"
	usersFile       = "users.csv"
	classesFile     = "classes.csv"
	enrollmentsFile = "enrollments.csv"
	orgsFile        = "orgs.csv"
)

var mandatory = map[string][]string{
	usersFile:       {"sourcedId", "givenName", "familyName"},
	classesFile:     {"sourcedId", "title"},
	enrollmentsFile: {"classSourcedId", "userSourcedId", "role"},
	orgsFile:        {"sourcedId", "name"},
	manifestFile:    {"propertyName", "value"},
}

// optional columns that we read; a slip in their heading is understood.
var optional = []string{
	"status", "enabledUser", "preferredGivenName", "preferredFamilyName", "preferredFirstName", "preferredLastName", "classCode", "schoolSourcedId",
}

// sheet is one file of the zip.
type sheet struct {
	file    string
	columns map[string]int
	rows    []record
}

func (s sheet) cell(r record, name string) string {
	if i, ok := s.columns[key(name)]; ok && i < len(r.fields) {
		return strings.TrimSpace(r.fields[i])
	}
	return ""
}

// oneRoster is a zip while it is read.
type oneRoster struct {
	*table
	op    string
	files map[string]*zip.File
	users map[string]person
	orgs  map[string]string // names by id
	place map[string]int    // of classes in table.Classes by id; -1: told already

	titles map[string]bool // names of classes, folded
	same   map[string]int  // classes by their title, folded
}

// person is a user who may be a pupil.
type person struct {
	row Row
	bad bool // told already
}

func (t *table) readOneRoster(op string, z *zip.Reader) error {
	files, err := t.csvFiles(op, z)
	if err != nil {
		return err
	}
	o := oneRoster{
		table: t, op: op, files: files, users: map[string]person{}, orgs: map[string]string{},
		place: map[string]int{}, titles: map[string]bool{}, same: map[string]int{},
	}
	for _, read := range []func() error{o.readManifest, o.readOrgs, o.readUsers, o.readClasses, o.readEnrollments} {
		if err := read(); err != nil {
			return err
		}
	}
	o.tellEmpty()
	return nil
}

// open reads a file of the zip and its heading. Without the file it is a sheet without
// rows, or an error if the file must be there.
func (o *oneRoster) open(file string, must bool) (sheet, error) {
	s := sheet{file: file, columns: map[string]int{}}
	f := o.files[file]
	if f == nil {
		if must {
			return s, errs.Field(o.op, file, "missing_file", 0, "%s: the zip has no file %s; it is no OneRoster zip", o.table.file, file)
		}
		return s, nil
	}
	data, err := unpack(o.op, f)
	if err != nil {
		return s, err
	}
	text, err := decode(o.op, file, data)
	if err != nil {
		return s, err
	}
	records, _ := o.cut(file, text)
	if len(records) > MaxRows {
		line := records[MaxRows].line
		return s, errs.Field(o.op, where(file, line), "too_many_rows", MaxRows, "%s, line %d: at most %d rows", file, line, MaxRows)
	}
	heading := record{line: 1}
	if len(records) > 0 {
		heading, s.rows = records[0], records[1:]
	}
	return s, s.headings(o.op, heading)
}

// headings finds the columns. Case, spaces and "_" do not matter; beyond that, what must
// be there must be right.
func (s *sheet) headings(op string, r record) error {
	for i, f := range slices.Backward(r.fields) { // of two of the same name the first counts
		s.columns[key(f)] = i
	}
	for _, name := range mandatory[s.file] {
		if _, ok := s.columns[key(name)]; ok {
			continue
		}
		meant := ""
		for _, f := range r.fields {
			if slips(key(f), key(name), 2) <= 2 {
				meant = fmt.Sprintf("; is %q meant?", short(f))
			}
		}
		return errs.Field(op, where(s.file, r.line), "missing_header", 0, "%s, line %d: the column %s is missing%s", s.file, r.line, name, meant)
	}
	for _, name := range optional {
		if _, ok := s.columns[key(name)]; ok {
			continue
		}
		for i, f := range r.fields {
			if k := key(f); !slices.ContainsFunc(slices.Concat(mandatory[s.file], optional), func(n string) bool { return key(n) == k }) &&
				slips(k, key(name), allowed(name)) <= 2 {
				s.columns[key(name)] = i
				break
			}
		}
	}
	return nil
}

// readManifest tells whether the zip holds changes only. All its properties are optional.
func (o *oneRoster) readManifest() error {
	if o.files[manifestFile] == nil {
		o.problem(manifestFile, 0, "", "no_manifest", "the zip has no manifest.csv; it is read all the same")
		return nil
	}
	s, err := o.open(manifestFile, false)
	for _, r := range s.rows {
		name, value := key(s.cell(r, "propertyName")), strings.ToLower(s.cell(r, "value"))
		if value == "delta" && (name == key("file.users") || name == key("file.enrollments")) {
			o.Partial = true
		}
	}
	return err
}

func (o *oneRoster) readOrgs() error {
	s, err := o.open(orgsFile, false)
	for _, r := range s.rows {
		o.orgs[s.cell(r, "sourcedId")] = s.cell(r, "name")
	}
	return err
}

// gone tells a row that the file wants to have deleted, which no file can.
func (o *oneRoster) gone(s sheet, r record) bool {
	if !strings.EqualFold(key(s.cell(r, "status")), "tobedeleted") {
		return false
	}
	o.problem(s.file, r.line, r.raw, "to_be_deleted", "the file wants this deleted; the box deletes nothing by a file")
	return true
}

// sourcedID is a row's id, if it has one that no row above has.
func (o *oneRoster) sourcedID(s sheet, r record, has func(string) bool) (string, bool) {
	id := s.cell(r, "sourcedId")
	switch _, err := Clean("", "id", id, maxID); {
	case err != nil:
		o.problem(s.file, r.line, r.raw, "bad_id", "the sourcedId is missing or no id")
	case has(id):
		o.problem(s.file, r.line, r.raw, "duplicate", "another row has this sourcedId")
	default:
		return id, true
	}
	return "", false
}

func (o *oneRoster) readUsers() error {
	s, err := o.open(usersFile, true)
	for _, r := range s.rows {
		id, ok := o.sourcedID(s, r, func(id string) bool { _, has := o.users[id]; return has })
		if !ok {
			continue
		}
		if o.gone(s, r) {
			o.users[id] = person{bad: true}
			continue
		}
		first := cmp.Or(s.cell(r, "preferredGivenName"), s.cell(r, "preferredFirstName"), s.cell(r, "givenName"))
		last := cmp.Or(s.cell(r, "preferredFamilyName"), s.cell(r, "preferredLastName"), s.cell(r, "familyName"))
		name, err := Clean("", "name", first+" "+last, MaxName)
		p := person{row: Row{Source: id, Name: name, File: s.file, Line: r.line}, bad: true}
		switch {
		case err != nil:
			o.fault(s.file, r.line, r.raw, err)
		case isData(name):
			o.problem(s.file, r.line, r.raw, "no_name", "there is no name on this line")
		case strings.EqualFold(s.cell(r, "enabledUser"), "false"):
			o.problem(s.file, r.line, r.raw, "disabled", "this user is disabled and was left out")
		default:
			p.bad = false
		}
		o.users[id] = p
	}
	return err
}

func (o *oneRoster) readClasses() error {
	s, err := o.open(classesFile, true)
	for _, r := range s.rows {
		id, ok := o.sourcedID(s, r, func(id string) bool { _, has := o.place[id]; return has })
		if !ok {
			continue
		}
		o.place[id] = -1
		if o.gone(s, r) {
			continue
		}
		name, err := o.title(s, r)
		if err != nil {
			o.fault(s.file, r.line, r.raw, err)
			continue
		}
		o.place[id] = len(o.Classes)
		o.Classes = append(o.Classes, Class{Source: id, Name: name, Pupils: []Row{}})
	}
	return err
}

// title is a class's name, unlike all others: several courses of a school may have the
// same title, and then their code, their school or a number tells them apart.
func (o *oneRoster) title(s sheet, r record) (string, error) {
	title, err := Clean("", "title", s.cell(r, "title"), MaxName)
	if err != nil {
		return "", err
	}
	names := []string{title}
	for _, more := range []string{s.cell(r, "classCode"), o.orgs[s.cell(r, "schoolSourcedId")]} {
		if more != "" && Fold(more) != Fold(title) {
			names = append(names, title+" · "+more)
		}
	}
	o.same[Fold(title)]++
	names = append(names, fmt.Sprintf("%s (%d)", title, o.same[Fold(title)]))
	for _, name := range names {
		if name, err := Clean("", "title", name, MaxName); err == nil && !o.titles[Fold(name)] {
			o.titles[Fold(name)] = true
			return name, nil
		}
	}
	return "", errs.Field("", "title", "duplicate", 0, "other classes have this title")
}

func (o *oneRoster) readEnrollments() error {
	s, err := o.open(enrollmentsFile, true)
	ids := map[string]bool{}
	for _, r := range s.rows {
		if id := s.cell(r, "sourcedId"); id != "" {
			if ids[id] {
				o.problem(s.file, r.line, r.raw, "duplicate", "another row has this sourcedId")
				continue
			}
			ids[id] = true
		}
		if !strings.EqualFold(s.cell(r, "role"), "student") || o.gone(s, r) {
			continue
		}
		p, known := o.users[s.cell(r, "userSourcedId")]
		i, placed := o.place[s.cell(r, "classSourcedId")]
		switch {
		case !known:
			o.problem(s.file, r.line, r.raw, "points_nowhere", "no user has this userSourcedId")
		case !placed:
			o.problem(s.file, r.line, r.raw, "points_nowhere", "no class has this classSourcedId")
		case !p.bad && i >= 0:
			o.enrol(i, p.row, s.file, r)
		}
	}
	return err
}

// enrol puts a pupil into a class. Two pupils of a class with the same name are told by
// the enrolment; their own rows are fine.
func (o *oneRoster) enrol(i int, row Row, file string, r record) {
	if _, twice := o.seen[mark{i, "i" + row.Source}]; twice {
		o.problem(file, r.line, r.raw, "duplicate", "this user is in the class already")
		return
	}
	o.addTo(i, row, row.Name)
}

// tellEmpty tells of classes without pupils, which are left out.
func (o *oneRoster) tellEmpty() {
	var names []string
	for _, c := range o.Classes {
		if len(c.Pupils) == 0 {
			names = append(names, c.Name)
		}
	}
	if len(names) > 0 {
		text := strings.Join(names[:min(len(names), maxText)], ", ")
		o.problem(classesFile, 0, text, "empty_class", fmt.Sprintf("%d classes have no pupils and were left out", len(names)))
	}
}
