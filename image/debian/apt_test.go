package debian

import (
	"strings"
	"testing"
	"testing/fstest"
)

func TestABuildWithoutAMirrorSaysSo(t *testing.T) {
	if _, err := (Mirror{Cache: t.TempDir()}).Fetch(t.Context(), "debian/pool/x.deb", strings.Repeat("0", 64)); err == nil || !strings.Contains(err.Error(), "--mirror") {
		t.Errorf("got %v", err)
	}
}

func TestTheMirrorIsThatOfApt(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"etc/apt/sources.list", "# deb http://old.example/debian trixie main\ndeb [arch=amd64] https://mirror.example/debian/ trixie main\n", "https://mirror.example"},
		{"etc/apt/sources.list.d/debian.sources", "Types: deb\n# http://old.example/debian\nURIs: http://a.example/debian\nSuites: trixie\n", "http://a.example"},
		{"etc/apt/sources.list.d/debian.sources", "URIs: http://a.example/debian-security\n\nURIs: http://b.example/pub/debian\n", "http://b.example/pub"},
		{"etc/apt/sources.list.d/other.list", "deb http://archive.example/ubuntu noble main\n", ""},
		{"etc/hostname", "deb http://mirror.example/debian trixie main\n", ""},
	} {
		if got := FindMirror(fstest.MapFS{c.name: {Data: []byte(c.text)}}); got != c.want {
			t.Errorf("%s: got %q, want %q", c.text, got, c.want)
		}
	}
}
