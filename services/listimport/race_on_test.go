//go:build race

package listimport

const race = true // the detector allocates too
