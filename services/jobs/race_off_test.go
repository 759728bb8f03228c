//go:build !race

package jobs_test

const race = false
