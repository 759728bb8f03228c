package item

import "testing"

func TestWeightsKeepTheirValue(t *testing.T) {
	for _, s := range []string{"100", "-100", "33.33333", "0", "5e", "", "-", ".", "1.2.3", "+5", "0x1", "12.5", "000", "-.5"} {
		v, ok := ParsePercent(s)
		if !ok {
			continue
		}
		if back, ok := ParsePercent(FormatPercent(v)); !ok || back != v {
			t.Errorf("%s: %v, %s, %v", s, v, FormatPercent(v), back)
		}
	}
	for _, v := range []float64{1.0 / 3, 0.07, 1e-17, 5e-324, -0.29, 0.57} {
		if back, ok := ParsePercent(FormatPercent(v)); !ok || back != v {
			t.Errorf("%v: %s, %v", v, FormatPercent(v), back)
		}
	}
}
