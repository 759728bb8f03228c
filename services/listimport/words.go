package listimport

// Meanings of a column of a class list.
type column uint8

const (
	columnOther      column = iota // nothing that we need
	columnFullName                 // the whole name
	columnName                     // "name": the full name, or the part that the other name column leaves
	columnGivenName                // the first name
	columnFamilyName               // the last name
	called                         // the first name in use, before the given one
	usage                          // the last name in use, before that of the family
	middle                         // names between the two; there may be several
	second                         // the second last name
	columnClass                    // the class, or the year if there is a section too
	section                        // a part of a year
	crowd                          // a group or a course: the class if no other column has it
	columnGrade                    // the year, and in some programs a mark
	columnSource                   // the pupil's id where the file comes from
	login                          // an e-mail address or the like, of one person only
	born                           // the date of birth
	role                           // the person's role at the school
	prefix                         // the part of the last name before it: "van den"
	enabled                        // "false" for an account that is switched off
	state                          // "tobedeleted" for a row that is no more
	columns                        // how many there are
)

// slips reports whether this column is also recognised by a heading with a typing error.
func (c column) slips() bool { return c != columnOther && c < login && c != called && c != usage }

// headingWords are the headings of class lists in the languages of the pages, German and some
// others, as foldHeading returns them: without spaces, marks and accents. Other headings may
// still match with a typing error, or with the name of a table around them: see columnOf.
var headingWords = map[column][]string{
	columnFullName: {
		"numelesiprenumele", "numelesiprenumeleelevului", "mokinys", "mokiniovardaspavarde", "نامطالبعلم", "originalname", "nameoriginalname",
		"fullname", "displayname", "studentname", "pupilname", "nameofstudent", "nameofpupil", "learnername", "completename",
		"student", "pupil", "learner", "students", "pupils", "firstandlastname", "lastnamefirstname", "firstnamelastname",
		"nomcomplet", "nometprenom", "nomprenom", "prenometnom", "prenomnom", "nomsetprenoms", "eleve", "nomdeleve",
		"nombrecompleto", "nombreyapellidos", "nombreyapellido", "apellidosynombre", "apellidosynombres", "apellidoynombre", "apellidosnombre",
		"alumno", "alumna", "alumnoa", "estudiante", "nombredelalumno", "nombredelestudiante",
		"الاسمالكامل", "اسمالطالب", "اسمالتلميذ", "اسمالطالبه", "اسمالتلميذه", "الطالب", "التلميذ", "الاسموالنسب", "الاسمواللقب", "الاسمالثلاثي", "الاسمالرباعي",
		"vorundnachname", "vorundzuname", "vornamenachname", "nachnamevorname", "schuler", "schulerin", "schulername", "vollstandigername",
		"cognomeenome", "nomeecognome", "alunno", "alunna", "nomecompleto", "nomedoaluno", "aluno", "volledigenaam", "leerling", "adsoyad", "adisoyadi",
		"lastfirst", "fullnamelfm", "studentlastfirst", "lastfirstmiddle", "alunnoa", "nomdalumne", "alumne", "nomeestudante", "leerlingnaam", "elev", "elevnavn", "elevnamn", "oppilas", "oppilaanimi", "uczen", "ucznia", "nazwiskoiimie", "imieinazwisko", "prijmeniajmeno", "jmenoaprijmeni", "zakjmeno", "ogrenciadi", "ogrenciadsoyad", "adivesoyadi", "ogrencininadisoyadi", "фио", "ученик", "учень", "пиб", "ονοματεπωνυμο", "ονοματεπωνυμομαθητη", "μαθητης", "姓名", "学生姓名", "學生姓名", "氏名", "生徒氏名", "児童氏名", "生徒名", "이름", "성명", "학생이름", "학생명", "namasiswa", "namamurid", "namapelajar", "namalengkap", "namapenuh", "hovaten", "hoten", "nomcognoms", "cognomsinom", "numesiprenume", "numeleelevului", "elevul", "nev", "tanulonev", "tanuloneve", "studentnavn", "شاگرد", "نامدانشآموز", "نامونامخانوادگی", "שםהתלמיד", "שםמלא", "छात्रकानाम", "विद्यार्थीकानाम", "ছাত্রেরনাম", "ชื่อนามสกุล", "ชื่อสกุล", "jinakamili", "jinalamwanafunzi", "schulerin", "schulerinnen",
	},
	columnName: {
		"name", "names", "nom", "noms", "nombre", "الاسم", "اسم", "الاسماء", "namen", "nome", "naam",
		"nimi", "namn", "navn", "имеипрезимеученика", "nama", "jina", "نام", "שם", "नाम", "নাম", "ชื่อ", "emri",
	},
	columnGivenName: {
		"fn",
		"firstname", "firstnames", "givenname", "givennames", "forename", "forenames", "first", "given", "fname", "christianname",
		"prenom", "prenoms", "nombres", "nombredepila", "primernombre",
		"الاسمالاول", "الاسمالشخصي", "vorname", "vornamen",
		"primeironome", "nomeproprio", "voornaam", "imie", "fornamn",
		"fornavn", "etunimi", "etunimet", "eesnimi", "vardas", "vards", "imiona", "pierwszeimie", "jmeno", "krestnijmeno", "meno", "krstnemeno", "ime", "prenume", "adi", "ad", "ismi", "keresztnev", "utonev", "имя", "имяученика", "ім’я", "име", "ονομα", "名", "名字", "nomepropri", "nomepróprio", "primeiro", "primeironome", "nomepropio", "emri", "enwcyntaf", "jinalakwanza", "שםפרטי", "ten", "izena", "namadepan", "firstnamestudent",
	},
	columnFamilyName: {
		"prezime", "ln", "pavardė",
		"lastname", "lastnames", "familyname", "surname", "surnames", "last", "family", "lname", "secondname", "longname",
		"nomdefamille", "nomfamille", "nomdenaissance", "nomnaissance", "apellido", "apellidos", "primerapellido", "apellidopaterno",
		"اسمالعائله", "العائله", "اللقب", "الكنيه", "النسب", "الاسمالعائلي", "الاسمالاخير",
		"nachname", "nachnamen", "familienname", "zuname",
		"cognome", "sobrenome", "apelido", "achternaam", "nazwisko", "efternamn", "soyad", "soyadi",
		"etternavn", "sukunimi", "perekonnanimi", "pavarde", "uzvards", "prijmeni", "priezvisko", "priimek", "nume", "vezeteknev", "csaladnev", "фамилия", "прізвище", "фамилияученика", "επωνυμο", "επιθετο", "姓", "姓氏", "성", "ho", "hodem", "hovatendem", "hovadem", "cognoms", "cognom", "primercognom", "abizenak", "abizena", "apelidos", "ultimonome", "mbiemri", "cyfenw", "jinalaukoo", "ukoo", "نامخانوادگی", "שםמשפחה", "van", "namabelakang", "namakeluarga", "उपनाम", "นามสกุล", "surnamestudent", "familynamestudent",
	},
	called: {
		"preferredname", "preferredfirstname", "preferredforename", "preferredgivenname", "nickname", "knownas", "knownasname", "callname", "goesby", "chosenname",
		"prenomusuel", "prenomdusage", "prenomusage", "surnom", "apodo", "rufname", "roepnaam", "اسمالشهره",
		"kutsumanimi", "kallenavn", "tilltalsnamn", "kaldenavn", "prenomdusageeleve", "nomsocial", "chosenforename", "commonname", "usualname", "preferred",
	},
	usage: {
		"preferredlastname", "preferredsurname", "preferredfamilyname", "nomdusage", "nomusage", "nomusuel",
	},
	middle: {
		"mn",
		"middlename", "middlenames", "middle", "middleinitial", "mi", "secondforename", "othernames", "secondfirstname", "deuxiemeprenom", "prenom2", "prenom3", "autresprenoms",
		"segundonombre", "zweitervorname", "zweitname", "اسمالاب", "اسمالجد", "الاسمالثاني", "الاسمالثالث", "الاسمالاوسط",
		"middlenameorinitial", "middlenameinitial", "drugieimie", "отчество", "побатькові", "презиме", "tendem", "mellannamn", "mellomnavn", "mellemnavn", "segundonome",
	},
	second: {
		"segundoapellido", "apellidomaterno", "apellido2", "secondsurname", "secondlastname",
		"segoncognom", "segundosobrenome", "cognom2",
	},
	columnClass: {
		"rollclass", "rollgroup", "klase", "stammklasse",
		"class", "classname", "form", "formgroup", "homeroom", "registrationgroup", "registrationform", "reggroup", "regform",
		"tutorgroup", "classroom", "classes", "classenrollment", "classenrolment", "enrolledin",
		"classe", "division", "nomdelaclasse", "libelleclasse", "libelledelaclasse", "classederattachement", "clase", "aula", "unidad",
		"الصف", "klasse", "klassenname", "klassenbezeichnung", "turma", "klas", "klasa", "klass", "sinif",
		"formname", "tutorgroupname", "registrationgroupname", "registrationformname", "homeroomname", "classgroup", "classlabel", "classcode", "klassengruppe", "stamklas", "stamgroep", "luokka", "opetusryhma", "klass", "trida", "trieda", "clasa", "osztaly", "razred", "oddelek", "класс", "клас", "τμημα", "班级", "班級", "クラス", "kelas", "lop", "darasa", "کلاس", "جماعت", "כיתה", "कक्षा", "শ্রেণী", "ชั้น", "classealuno", "grup", "grupoclase", "الصفالدراسي", "sinifi", "sinifsube", "dosbarth", "klase", "tutorgrp",
	},
	section: {
		"section", "sectionname", "classsection", "seccion", "letra", "الفصل", "القسم", "الشعبه",
		"sez", "sezione", "sube", "sekcija", "parallelklass", "組", "반", "अनुभाग", "সেকশন", "seksyen", "classletter", "letter", "sectionletter", "parallele",
	},
	crowd: {"group", "groupname", "course", "coursename", "groupe", "groupes", "grupo", "gruppe", "kurs", "lerngruppe"},
	columnGrade: {
		"gr", "scholasticyear",
		"grade", "gradelevel", "year", "yeargroup", "level", "yearlevel", "niveau", "annee", "grado", "nivel", "curso",
		"المستوي", "السنه", "المرحله", "stufe", "jahrgang", "jahrgangsstufe", "klassenstufe",
		"serie", "anoescolaridade", "anodeescolaridade", "ano", "annodicorso", "leerjaar", "jaarlaag", "vuosiluokka", "arskurs", "arstrinn", "klassetrinn", "rocnik", "evfolyam", "年级", "年級", "学年", "학년", "gradeyear", "ncyear", "nationalcurriculumyear", "studentgrade", "anno", "yeargroupname", "khoi",
	},
	columnSource: {
		"id", "sisid", "studentid", "pupilid", "learnerid", "userid", "externalid", "uuid", "upn", "identifier", "studentnumber", "pupilnumber",
		"sourcedid", "sourceid", "studentno", "admissionnumber", "admissionno", "personid", "sisuserid", "localid", "stateid", "externkey", "externalkey",
		"identifiant", "matricule", "numeroeleve", "ine", "ideleve", "identificador", "matricula", "idalumno", "numerodealumno", "nia", "expediente",
		"المعرف", "رقمالطالب", "رقمالتلميذ", "رقمالقيد", "الرقمالتعريفي", "رقمالهويه",
		"schulerid", "schulernummer", "schulernr", "kennung", "personennummer",
		"sisstudentid", "otherid", "stuotherid", "adno", "admissionnr", "leerlingnummer", "stamnummer", "oppilasnumero", "elevid", "elevnummer", "ogrenciid", "ogrencino", "okulno", "koducznia", "学号", "學號", "学籍番号", "학번", "nisn", "nis", "lrn", "maso", "mahocsinh", "masohocsinh", "رقممسار", "رقمالسجلالمدني", "curp", "arborstudentid", "uniqueuserid", "nie", "codigoalumno", "numeroalumno", "idescolar", "nidescolar", "processo", "internalid",
	},
	login: {
		"email", "emailaddress", "mail", "username", "login", "loginname", "loginid", "sisloginid", "useremail", "adressemail", "adresseemail", "courriel",
		"correo", "correoelectronico", "usuario", "benutzername", "البريدالالكتروني", "اسمالمستخدم",
		"studentemail", "pupilemail", "epost", "sahkoposti", "emailschule", "correoinstitucional",
	},
	born: {
		"dateofbirth", "birthdate", "birthday", "dob", "born", "datenaissance", "datedenaissance", "neele", "fechadenacimiento", "fechanacimiento",
		"تاريخالميلاد", "تاريخالازدياد", "geburtsdatum", "geboren",
		"syntymaaika", "fodselsdato", "fodelsedatum", "fodselsdag", "geboortedatum", "datanascimento", "datadenascimento", "datadinascita", "datanaixement", "datadenaixement", "dataurodzenia", "datumnarozeni", "datumnarodenia", "датарождения", "датанародження", "ημερομηνιαγεννησης", "出生日期", "生年月日", "생년월일", "ngaysinh", "tanggallahir", "dogumtarihi", "תאריךלידה", "تاریختولد",
	},
	role: {
		"profile", "profil",
		"role", "roles", "usertype", "type", "membertype", "persontype", "position", "function", "statut", "fonction", "rol", "tipo", "tipodeusuario", "rolle",
		"funktion", "الدور", "نوعالمستخدم", "الصفه", "الوظيفه",
		"role1", "usertypes", "enterpriserole", "primaryrole", "userrole", "rolle1", "roli", "rollit", "roll", "stilling", "perfil", "cargo", "ruolo", "rolename",
	},
	prefix:  {"tussenvoegsel", "tussenvoegsels", "voorvoegsel", "voorvoegsels", "namenszusatz", "vorsatzwort", "vorsatz", "nameprefix", "surnameprefix", "lastnameprefix"},
	enabled: {"enableduser", "accountenabled", "isactive"},
	state:   {"situacao", "situation", "pupilstatus", "status", "enrollmentstatus", "enrolmentstatus", "etat", "estado", "الحاله"},
	columnOther: {
		"gender", "sex", "sexe", "genre", "sexo", "genero", "geschlecht", "الجنس", "النوع", "pronouns", "title", "city", "town", "ville", "ciudad", "ort", "wohnort", "المدينه",
		"address", "street", "adresse", "direccion", "country", "pays", "pais", "nationality", "nationalite", "nacionalidad", "الجنسيه", "language", "langue", "idioma",
		"birthplace", "placeofbirth", "lieunaissance", "lieudenaissance", "lugardenacimiento", "مكانالازدياد", "مكانالميلاد", "geburtsort", "religion", "house", "cycle", "regime",
		"notes", "note", "comment", "comments", "remarks", "remarque", "observaciones", "ملاحظات", "bemerkung", "password", "subject", "subjects", "department", "institution",
		"anneescolaire", "schoolyear", "lv1", "lv2", "bus", "route", "ethnicity", "orgunitpath", "اسمالام",
		"schulnummer", "schoolnumber", "schoolno", "schulort", "plz", "postleitzahl", "postcode", "zip", "homeaddress", "pps", "nationalinsurancenumber", "性别", "性別", "성별", "jeniskelamin", "gioitinh", "cinsiyet", "cinsiyeti", "kjonn", "kon", "sukupuoli", "geslacht", "sesso", "plec", "pohlavi", "пол", "стать", "φυλο", "מין", "جنسیت", "ふりがな", "フリガナ", "氏名ふりがな", "出席番号", "번호", "no", "nr", "lp", "lfd", "stt", "αα", "ردیف", "क्रमांक", "namba", "номер", "konfession", "staatsangehorigkeit", "heimatort", "klassenlehrer", "klassenlehrerin", "klassenvorstand", "commune", "cp", "lastaccess", "availability", "entrydate", "exitdate",
	},
}

// noise are words that a heading may have around the words that count: "Nom élève", "Legal
// surname", "STUCurrGrade".
var noise = []string{
	"student", "students", "pupil", "pupils", "learner", "stu", "legal", "official", "current", "curr", "s", "of", "the",
	"eleve", "eleves", "de", "du", "d", "l", "la", "le", "alumno", "alumna", "alumnos", "estudiante", "del", "schuler", "schulers", "des", "الطالب", "التلميذ",
	"do", "da", "dell", "dello", "della", "aluno", "alunno", "alunna", "alumne", "siswa", "murid", "ogrenci", "ogrencinin", "ucznia", "zaka", "oppilaan", "elevens", "leerling", "ученика", "учня", "lfm", "fml", "lfmi",
}

// somebodyElse are words in headings of columns about another person or a school.
var somebodyElse = []string{
	"parent", "parents", "guardian", "mother", "father", "contact", "emergency", "teacher", "advisor", "counselor", "coach", "school", "district",
	"mere", "pere", "responsable", "tuteur", "enseignant", "professeur", "ecole", "etablissement", "madre", "padre", "contacto", "profesor", "docente", "colegio", "escuela",
	"mutter", "vater", "eltern", "lehrer", "lehrkraft", "schule", "ولي", "المعلم", "المدرسه",
	"adv", "tutor", "homeroomteacher", "staff", "principal", "prof", "manager", "docent", "mentor", "leraar", "ouder", "ouders", "moeder", "vader", "mae", "pai", "encarregado", "genitore", "genitori", "insegnante", "docenti", "tutore", "baba", "babasi", "anne", "annesi", "veli", "velisi", "ogretmen", "ojca", "matki", "rodzic", "rodzica", "opiekun", "wychowawca", "huoltaja", "huoltajan", "opettaja", "foralder", "vardnadshavare", "larare", "foresatt", "forelder", "laerer", "отца", "матери", "мать", "отец", "родитель", "родителя", "учитель", "батька", "матері", "πατερα", "πατρος", "μητερας", "κηδεμονα", "πατρωνυμο", "پدر", "مادر", "पिता", "माता", "अभिभावक", "אב", "אם", "הורה", "ayah", "ibu", "wali", "cha", "mzazi", "mlezi", "家长", "父亲", "母亲", "保護者", "보호자", "담임",
}

// summaries are the names of lines below or above the pupils.
var summaries = []string{
	"points", "pointspossible", "possiblepoints", "maxpoints", "maximumpoints", "maxscore", "maximumscore", "total", "totals", "subtotal", "grandtotal", "totalpoints",
	"average", "averages", "classaverage", "averagescore", "overallaverage", "mean", "classmean", "median", "classmedian", "standarddeviation", "count", "sum",
	"totalstudents", "totalpupils", "numberofstudents", "numberofpupils", "students", "pupils",
	"moyenne", "moyennes", "moyennedelaclasse", "moyenneclasse", "moyennegenerale", "mediane", "effectif", "effectiftotal", "nombredeleves", "eleves", "bareme",
	"promedio", "promediodelaclase", "promediodelgrupo", "mediadelaclase", "puntos", "puntuacionmaxima", "totalalumnos", "alumnos",
	"durchschnitt", "klassendurchschnitt", "mittelwert", "summe", "gesamt", "punkte", "anzahl",
	"المعدل", "معدلالصف", "المتوسط", "متوسطالصف", "المجموع", "مجموع", "الاجمالي", "النقاط", "عددالطلاب",
	"highest", "lowest", "highestscore", "lowestscore", "maximum", "minimum", "possible", "outof", "duedate", "weight", "teststudent", "studenttest", "testpreviewuser", "previewuser", "demostudent", "notemaximale", "notemax", "coefficient", "totaleleves",
	"mediadelgrupo", "mediadaturma", "pontos", "totaldealunos", "mediadellaclasse", "punteggio", "punti", "totale", "totalealunni", "gemiddelde", "klasgemiddelde", "totaal", "punten", "aantalleerlingen",
	"ortalama", "sinifortalamasi", "toplam", "puan", "keskiarvo", "yhteensa", "pisteet", "medelvarde", "poang", "antal", "gjennomsnitt", "gennemsnit", "srednia", "sredniaklasy", "razem", "punkty", "prumer", "celkem",
	"среднее", "среднийбалл", "итого", "всего", "баллы", "середнє", "середнійбал", "усього", "всього", "μεσοςορος", "συνολο", "平均", "平均分", "总分", "合計", "満点", "평균", "합계", "ratarata", "jumlah", "trungbinh", "tongso", "ממוצע", "סהכ", "میانگین", "مجموعنمرات",
}

// adults are words in the roles of people who are not pupils. learners are those of pupils.
var (
	adults = []string{
		"teacher", "owner", "organizer", "organiser", "propietari", "proprietaire", "proprietario", "besitzer", "coach", "staff", "admin", "instructor", "tutor", "facilitator", "principal", "guardian", "parent", "superuser", "observer", "assistant", "librarian", "employee",
		"enseignant", "professeur", "personnel", "directeur", "directrice", "responsable", "profesor", "docente", "maestro", "maestra", "director", "personal",
		"lehrer", "lehrkraft", "lehrperson", "معلم", "مدرس", "استاذ", "مشرف", "مدير", "ولي",
		"faculty", "aide", "proctor", "relative", "mentor", "insegnante", "docent", "leraar", "medewerker", "professor", "funcionario", "opettaja", "larare", "laerer", "nauczyciel", "ucitel", "учитель", "преподаватель", "вчитель", "καθηγητ", "δασκαλ", "ogretmen", "老师", "教师", "教員", "先生", "교사", "guru", "giaovien", "mwalimu", "מורה", "دبیر",
	}
	learners = []string{"student", "pupil", "learner", "eleve", "etudiant", "alumno", "alumna", "estudiante", "schuler", "طالب", "تلميذ", "aluno", "aluna", "alunno", "leerling", "elev", "oppilas", "uczen", "uczennica", "ученик", "ученица", "учень", "учениця", "μαθητ", "ogrenci", "学生", "生徒", "児童", "학생", "siswa", "murid", "hocsinh", "mwanafunzi", "תלמיד", "دانش"}
)
