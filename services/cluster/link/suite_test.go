package link

import (
	"slices"
	"testing"

	"github.com/livelearn/box/services/cluster/clustertest"
)

// TestBusBetweenRealEnginesKeepsThePromisesOfABus runs the suite of every bus. Engines that really
// lose each other are in TestAnEngineThatDiesComesBack.
func TestBusBetweenRealEnginesKeepsThePromisesOfABus(t *testing.T) {
	clustertest.TestBus(t, func(t *testing.T, n int) clustertest.Boxes {
		t.Helper()
		made := clustertest.Boxes{}
		var boxes []*box
		for range n {
			b := newBox(t)
			boxes = append(boxes, b)
			made.IDs, made.Buses = append(made.IDs, b.list.Own().ID), append(made.Buses, b.Bus)
		}
		pair(t, boxes...)
		made.Stop = func() {
			for _, b := range slices.Backward(boxes) {
				b.stop()
			}
		}
		return made
	})
}
