package push_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	storeKey    = "hill-school"
	storeSecret = "only for this test"
)

// recordStore has a fault for each test, and refuses whatever xAPI 1.0.3 asks of a client and is not
// there. TestALearningRecordStoreTakesThePush has a real store.
type recordStore struct {
	*httptest.Server

	mu     sync.Mutex // guards the fields below
	kept   map[string]any
	voided map[string]bool
	faults []http.HandlerFunc // of the next requests, instead of an answer
	lose   int                // answers that are lost after the statements were kept
	refuse string             // statements of this account are refused
	bad    []string           // what a client must not do
	calls  int
}

func newRecordStore(t *testing.T) *recordStore {
	s := &recordStore{kept: map[string]any{}, voided: map[string]bool{}}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(func() {
		s.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, b := range s.bad {
			t.Error(b)
		}
	})
	return s
}

func (s *recordStore) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if len(s.faults) > 0 {
		answer := s.faults[0]
		s.faults = s.faults[1:]
		answer(w, r)
		return
	}
	status, text := s.keep(r)
	if status == http.StatusOK && s.lose > 0 {
		s.lose--
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("X-Experience-API-Version", "1.0.3")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

// keep stores all statements of a request or none.
func (s *recordStore) keep(r *http.Request) (int, string) {
	key, secret, _ := r.BasicAuth()
	if key != storeKey || secret != storeSecret {
		return http.StatusUnauthorized, "no such key: " + secret
	}
	if r.Method != http.MethodPost || r.URL.Path != "/xapi/statements" || r.URL.RawQuery != "" ||
		r.Header.Get("Content-Type") != "application/json" || !strings.HasPrefix(r.Header.Get("X-Experience-API-Version"), "1.0.") {
		s.bad = append(s.bad, fmt.Sprint("a request that no store takes: ", r.Method, r.URL, r.Header))
		return http.StatusBadRequest, ""
	}
	var list []map[string]any
	if err := json.NewDecoder(r.Body).Decode(&list); err != nil {
		s.bad = append(s.bad, "not a list of statements: "+err.Error())
		return http.StatusBadRequest, ""
	}
	fresh := map[string]any{}
	for _, st := range list {
		id := fmt.Sprint(st["id"])
		if err := checkStatement(st); err != nil || fresh[id] != nil {
			s.bad = append(s.bad, fmt.Sprintf("statement %v: %v (twice in a request: %t)", st, err, fresh[id] != nil))
			return http.StatusBadRequest, "invalid"
		}
		if s.refuse != "" && findText(st, "actor", "account", "name") == s.refuse {
			return http.StatusBadRequest, "this person is unknown"
		}
		if old := s.kept[id]; old != nil && !reflect.DeepEqual(old, any(st)) {
			return http.StatusConflict, "another statement has this id"
		}
		if target := findText(st, "object", "id"); findText(st, "object", "objectType") == "StatementRef" && s.kept[target] == nil && fresh[target] == nil {
			return http.StatusBadRequest, "no such statement to void"
		}
		fresh[id] = st
	}
	maps.Copy(s.kept, fresh)
	return http.StatusOK, "[]"
}

func (s *recordStore) ids() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.kept))
}

func findText(v any, path ...string) string {
	for _, key := range path {
		m, _ := v.(map[string]any)
		v = m[key]
	}
	text, _ := v.(string)
	return text
}

var (
	uuidPattern = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	langPattern = regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$`)
	timePattern = regexp.MustCompile(`^PT\d+(\.\d+)?S$`)
)

// checker collects what a statement has and must not have (xAPI 1.0.3, part 2, sections 2.2 to 2.4).
type checker struct{ faults []string }

func (c *checker) want(ok bool, format string, args ...any) {
	if !ok {
		c.faults = append(c.faults, fmt.Sprintf(format, args...))
	}
}

// object returns an object with these properties only. Those with ! must be there, and none is null.
func (c *checker) object(v any, name string, properties ...string) map[string]any {
	m, ok := v.(map[string]any)
	c.want(ok, "%s is no object: %v", name, v)
	allowed := map[string]bool{}
	for _, p := range properties {
		key, needed := strings.CutSuffix(p, "!")
		allowed[key] = true
		c.want(!needed || m[key] != nil, "%s has no %s", name, key)
	}
	for key, value := range m {
		c.want(allowed[key], "%s has %s", name, key)
		c.want(value != nil, "%s.%s is null", name, key)
	}
	return m
}

func (c *checker) iri(v any, name string) {
	text, _ := v.(string)
	u, err := url.Parse(text)
	c.want(err == nil && u.Scheme != "" && (u.Host != "" || u.Opaque != ""), "%s is no IRI: %v", name, v)
}

func (c *checker) languages(v any, name string) {
	m, ok := v.(map[string]any)
	c.want(ok && len(m) > 0, "%s is no language map", name)
	for tag, text := range m {
		_, ok := text.(string)
		c.want(ok && langPattern.MatchString(tag), "%s has the language %q", name, tag)
	}
}

func (c *checker) agent(v any, name string) {
	a := c.object(v, name, "objectType", "name", "account!")
	c.want(a["objectType"] == "Agent", "%s is no agent", name)
	account := c.object(a["account"], name+".account", "homePage!", "name!")
	c.iri(account["homePage"], name+".account.homePage")
	c.want(findText(account, "name") != "", "%s.account has no name", name)
}

func (c *checker) activity(v any, name string) {
	a := c.object(v, name, "objectType", "id!", "definition")
	c.want(a["objectType"] == nil || a["objectType"] == "Activity", "%s is no activity", name)
	c.iri(a["id"], name+".id")
	if a["definition"] != nil {
		d := c.object(a["definition"], name+".definition", "type", "name")
		c.iri(d["type"], name+".definition.type")
		if d["name"] != nil {
			c.languages(d["name"], name+".definition.name")
		}
	}
}

func (c *checker) result(v any) {
	r := c.object(v, "result", "score", "success", "duration")
	if d, has := r["duration"]; has {
		c.want(timePattern.MatchString(fmt.Sprint(d)), "result.duration is %v", d)
	}
	if s, has := r["success"]; has {
		_, ok := s.(bool)
		c.want(ok, "result.success is %v", s)
	}
	if r["score"] == nil {
		return
	}
	s := c.object(r["score"], "result.score", "raw!", "min!", "max!", "scaled!")
	n := map[string]float64{}
	for key, v := range s {
		f, ok := v.(float64)
		c.want(ok, "result.score.%s is no number", key)
		n[key] = f
	}
	c.want(n["min"] <= n["raw"] && n["raw"] <= n["max"] && n["scaled"] >= -1 && n["scaled"] <= 1, "result.score is %v", n)
}

// checkStatement returns what a client must not send. A store sets stored, authority and version itself.
func checkStatement(st map[string]any) error {
	c := &checker{}
	c.object(st, "statement", "id!", "actor!", "verb!", "object!", "result", "context", "timestamp!")
	c.want(uuidPattern.MatchString(findText(st, "id")), "id is %v", st["id"])
	c.agent(st["actor"], "actor")
	verb := c.object(st["verb"], "verb", "id!", "display!")
	c.iri(verb["id"], "verb.id")
	c.languages(verb["display"], "verb.display")
	_, err := time.Parse(time.RFC3339Nano, findText(st, "timestamp"))
	c.want(err == nil, "timestamp is %v", st["timestamp"])
	voids := findText(st, "verb", "id") == "http://adlnet.gov/expapi/verbs/voided"
	if voids {
		o := c.object(st["object"], "object", "objectType!", "id!")
		c.want(o["objectType"] == "StatementRef" && uuidPattern.MatchString(findText(o, "id")), "object of a void is %v", o)
		c.want(st["context"] == nil && st["result"] == nil, "a void has a context or a result")
	} else {
		c.activity(st["object"], "object")
	}
	if st["result"] != nil {
		c.result(st["result"])
	}
	if st["context"] != nil {
		around := c.object(st["context"], "context", "platform", "contextActivities")
		for kind, list := range c.object(around["contextActivities"], "contextActivities", "parent", "grouping", "category", "other") {
			activities, ok := list.([]any)
			c.want(ok, "contextActivities.%s is no list", kind)
			for _, a := range activities {
				c.activity(a, kind)
			}
		}
	}
	if len(c.faults) > 0 {
		return fmt.Errorf("%s", strings.Join(c.faults, "; "))
	}
	return nil
}
