package server

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
)

// reduceToIDs returns a statement in the format "ids" (xAPI 1.0.3, part 3, section 2.1.3): of agents,
// verbs and activities only what identifies them.
func reduceToIDs(raw json.RawMessage) (json.RawMessage, error) {
	var st map[string]any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&st); err != nil {
		return nil, err
	}
	keepKeys(st["actor"], "objectType", "account", "mbox")
	keepKeys(st["authority"], "objectType", "account", "mbox")
	keepKeys(st["verb"], "id")
	keepKeys(st["object"], "objectType", "id")
	around, _ := st["context"].(map[string]any)
	activities, _ := around["contextActivities"].(map[string]any)
	for _, list := range activities {
		of, _ := list.([]any)
		for _, activity := range of {
			keepKeys(activity, "objectType", "id")
		}
	}
	return json.Marshal(st)
}

// keepKeys removes all other keys of an object.
func keepKeys(v any, keys ...string) {
	if m, ok := v.(map[string]any); ok {
		maps.DeleteFunc(m, func(key string, _ any) bool { return !slices.Contains(keys, key) })
	}
}
