// Package openapitest checks descriptions of APIs in tests.
package openapitest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Lint has redocly check a description of an API, if the program is there. It fails the test
// for each error.
func Lint(t testing.TB, description []byte) {
	t.Helper()
	bin, err := exec.LookPath("redocly")
	if err != nil {
		t.Skip("there is no redocly; npm install --global @redocly/cli brings it")
	}
	path := filepath.Join(t.TempDir(), "openapi.json")
	if err := os.WriteFile(path, description, 0o600); err != nil {
		t.Fatal(err)
	}
	lint := exec.CommandContext(t.Context(), bin, "lint", "--extends=recommended", path)
	lint.Dir, lint.Env = filepath.Dir(path), append(os.Environ(), "REDOCLY_TELEMETRY=off", "REDOCLY_SUPPRESS_UPDATE_NOTICE=true")
	if out, err := lint.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
