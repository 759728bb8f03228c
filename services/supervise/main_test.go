package supervise

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain runs the programs of the Process tests when it is started as one.
func TestMain(m *testing.M) {
	if role := os.Getenv("SUPERVISE_TEST_ROLE"); role != "" {
		os.Exit(playRole(role))
	}
	goleak.VerifyTestMain(m)
}
