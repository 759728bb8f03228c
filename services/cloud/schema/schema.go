// Package schema is the tables, functions and views of the cloud's database, as numbered
// steps. A step that was shipped is never changed: the next one changes what it made.
package schema

import "embed"

// Steps are the migrations, in goose's format.
//
//go:embed *.sql
var Steps embed.FS
