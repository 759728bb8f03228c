// Package schema holds the tables, functions and views of the cloud's database as numbered steps.
// The statements of a released step never change. A later step changes its objects.
package schema

import "embed"

// Steps are the migrations, in goose's format.
//
//go:embed *.sql
var Steps embed.FS
