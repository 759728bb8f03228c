package debian

import (
	"io/fs"
	"regexp"
)

// aptSources match the files in which apt keeps its sources, in both of its forms (sources.list(5)).
var aptSources = []string{"etc/apt/sources.list", "etc/apt/sources.list.d/*.list", "etc/apt/sources.list.d/*.sources"}

// debianSource matches a source of the archive "debian" in a line that is no comment.
var debianSource = regexp.MustCompile(`(?m)^(?:deb\s.*?|URIs:.*?)(https?://[^\s/]\S*?)/debian/?(?:\s|$)`)

// FindMirror returns the host from which apt takes the archive "debian" on the machine whose files
// are root, or "" if there is none.
func FindMirror(root fs.FS) string {
	for _, pattern := range aptSources {
		names, _ := fs.Glob(root, pattern) // the patterns are valid
		for _, name := range names {
			data, _ := fs.ReadFile(root, name) // one that cannot be read names nothing
			if m := debianSource.FindSubmatch(data); m != nil {
				return string(m[1])
			}
		}
	}
	return ""
}
