package wire

import (
	"bytes"
	"encoding/json"
	"testing"
)

var scanSeeds = []string{
	`["1","2","room:c1","chat.say",{"id":"7","text":"a \"b\" ]}","to":"all"}]`,
	` [ null , "é" , "\u00e9" , -1.5e3 , { "Id" : "x" , "a" : [ { } , [ ] ] } ] `,
	`[]`, `[[],[],[],[],[]]`, `["",true,false,null,0]`, `[1,2,3,4]`, `[1,2,3,4,5,6]`, `{}`, `null`, `"["`, `7`,
	`{"id":"a","id":"b"}`, `{"ID":"a"}`, `{"\u0069d":"a","id":"b"}`, `{"id":5}`, `{"id":null}`, `{"id":"\\"}`, `{"iD":"b","x":"\ud800"}`,
}

func FuzzSplitArray(f *testing.F) {
	for _, s := range scanSeeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if !json.Valid(data) {
			return
		}
		var want []json.RawMessage
		isArray := json.Unmarshal(data, &want) == nil && len(want) == 5
		var got [5]json.RawMessage
		if ok := splitArray(data, got[:]); ok != isArray {
			t.Fatalf("%q: %v, has %d elements", data, ok, len(want))
		}
		for i := range want {
			if isArray && string(got[i]) != string(want[i]) {
				t.Errorf("element %d of %q: %q, want %q", i, data, got[i], want[i])
			}
		}
		var mine, theirs string
		if (decodeString(bytes.Trim(data, " \t\r\n"), &mine) == nil) != (json.Unmarshal(data, &theirs) == nil) || mine != theirs {
			t.Errorf("string %q: %q, want %q", data, mine, theirs)
		}
	})
}

func FuzzPlainMember(f *testing.F) {
	for _, s := range scanSeeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if !json.Valid(data) {
			return
		}
		var want struct {
			ID string `json:"id"`
		}
		err := json.Unmarshal(data, &want)
		if got, ok := PlainMember(data, "id"); ok && (err != nil || got != want.ID) {
			t.Errorf("%q: %q, want %q, %v", data, got, want.ID, err)
		}
	})
}

func TestAPlainMemberIsFoundWithoutDecoding(t *testing.T) {
	for _, s := range []string{`{"id":"7"}`, `{"text":"é \" }","n":[{"id":"8"}],"id":"7"}`, "{ \"id\" : \"7\" , \"ab\" : null }"} {
		if got, ok := PlainMember([]byte(s), "id"); !ok || got != "7" {
			t.Errorf("%s: %q %v", s, got, ok)
		}
	}
}
