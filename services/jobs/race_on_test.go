//go:build race

package jobs_test

const race = true // the detector needs more memory than a worker gets
