package journal

// childEnv names the part that this test binary plays when it was started by a test.
const childEnv = "LIVELEARN_JOURNAL_CHILD"

// children are the parts.
var children = map[string]func() int{}
