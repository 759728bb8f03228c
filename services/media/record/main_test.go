package record

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain runs the child that is killed when it is started as one.
func TestMain(m *testing.M) {
	if dir := os.Getenv("RECORD_TEST_CHILD"); dir != "" {
		os.Exit(runChild(dir, os.Getenv("RECORD_TEST_MEDIA")))
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		for _, dir := range encodedDirs {
			_ = os.RemoveAll(dir)
		}
		os.Exit(code)
	}))
}
