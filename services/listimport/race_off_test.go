//go:build !race

package listimport

const race = false
