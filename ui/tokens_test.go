package ui

import (
	"math"
	"os"
	"regexp"
	"strconv"
	"testing"
)

// palette returns the colours of a theme by their names in tokens.css.
func palette(t *testing.T, theme string) map[string][3]float64 {
	t.Helper()
	data, err := os.ReadFile("src/components/tokens.css")
	if err != nil {
		t.Fatal(err)
	}
	colours := map[string][3]float64{}
	for _, m := range regexp.MustCompile(`(?m)^  --([\w-]+): (?:(#\w{6})|var\(--light, (#\w{6})\) var\(--dark, (#\w{6})\));$`).FindAllStringSubmatch(string(data), -1) {
		hex := m[2]
		if hex == "" {
			hex = map[string]string{"light": m[3], "dark": m[4]}[theme]
		}
		n, err := strconv.ParseUint(hex[1:], 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			c := float64(n>>(16-8*i)&0xff) / 255
			v := colours[m[1]]
			if c <= 0.04045 {
				v[i] = c / 12.92
			} else {
				v[i] = math.Pow((c+0.055)/1.055, 2.4)
			}
			colours[m[1]] = v
		}
	}
	return colours
}

// contrastOf is the contrast of WCAG 2.2 between two linear colours.
func contrastOf(a, b [3]float64) float64 {
	luminance := func(c [3]float64) float64 { return 0.2126*c[0] + 0.7152*c[1] + 0.0722*c[2] }
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func TestColoursHaveContrast(t *testing.T) {
	grounds := []string{"bg", "sunken", "surface", "raised"}
	pairs := []struct {
		front, back []string
		least       float64
	}{
		{[]string{"text", "muted"}, grounds, 4.5},
		{[]string{"accent", "ok", "warn", "bad"}, []string{"bg", "surface", "raised"}, 4.5},
		{[]string{"text"}, []string{"accent-soft", "ok-soft", "warn-soft", "bad-soft"}, 4.5},
		{[]string{"accent-strong"}, []string{"accent-soft"}, 4.5},
		{[]string{"ok"}, []string{"ok-soft"}, 4.5},
		{[]string{"warn"}, []string{"warn-soft"}, 4.5},
		{[]string{"bad"}, []string{"bad-soft"}, 4.5},
		{[]string{"accent-text"}, []string{"accent", "accent-strong"}, 4.5},
		{[]string{"tile-text"}, []string{"tile-a", "tile-b", "tile-c", "tile-d", "ok-fill", "bad-fill"}, 4.5},
		{[]string{"mark-text"}, []string{"mark-a", "mark-b", "mark-c", "mark-d"}, 4.5},
		{[]string{"mark-a", "mark-b", "mark-c", "mark-d", "control"}, []string{"bg", "surface", "raised"}, 3},
	}
	for _, theme := range []string{"light", "dark"} {
		colours := palette(t, theme)
		for _, p := range pairs {
			for _, front := range p.front {
				for _, back := range p.back {
					f, ok := colours[front]
					b, ok2 := colours[back]
					if got := contrastOf(f, b); !ok || !ok2 || got < p.least {
						t.Errorf("%s: %s on %s has a contrast of %.2f, want %.1f", theme, front, back, got, p.least)
					}
				}
			}
		}
	}
}

// sights are how people see linear colours: all of them, and with the three kinds of colour
// blindness (Machado, Oliveira and Fernandes 2009, severity 1).
var sights = map[string][9]float64{
	"all colours":  {1, 0, 0, 0, 1, 0, 0, 0, 1},
	"protanopia":   {0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998},
	"deuteranopia": {0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.011820, 0.042940, 0.968881},
	"tritanopia":   {1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.303900},
}

// toOklab returns the place of a linear colour in Oklab, where equal distances look equal.
func toOklab(c [3]float64) [3]float64 {
	l := math.Cbrt(0.4122214708*c[0] + 0.5363325363*c[1] + 0.0514459929*c[2])
	m := math.Cbrt(0.2119034982*c[0] + 0.6806995451*c[1] + 0.1073969566*c[2])
	s := math.Cbrt(0.0883024619*c[0] + 0.2817188376*c[1] + 0.6299787005*c[2])
	return [3]float64{
		0.2104542553*l + 0.7936177850*m - 0.0040720468*s,
		1.9779984951*l - 2.4285922050*m + 0.4505937099*s,
		0.0259040371*l + 0.7827717662*m - 0.8086757660*s,
	}
}

func TestAnswerHuesAreFarApartForEverySight(t *testing.T) {
	colours := palette(t, "light")
	names := []string{"tile-a", "tile-b", "tile-c", "tile-d"}
	for sight, m := range sights {
		var seen [][3]float64
		for _, name := range names {
			c, at := colours[name], [3]float64{}
			for i := range 3 {
				at[i] = max(0, m[3*i]*c[0]+m[3*i+1]*c[1]+m[3*i+2]*c[2])
			}
			seen = append(seen, toOklab(at))
		}
		for i, a := range seen {
			for j, b := range seen[:i] {
				if d := math.Sqrt(math.Pow(a[0]-b[0], 2) + math.Pow(a[1]-b[1], 2) + math.Pow(a[2]-b[2], 2)); d < 0.08 {
					t.Errorf("%s: %s and %s are %.3f apart in Oklab, want 0.08", sight, names[j], names[i], d)
				}
			}
		}
	}
}
