package item

import (
	"fmt"
	"strings"
	"testing"
)

func TestWaysToTypeAWordAreWorthTheSame(t *testing.T) {
	for key, typed := range map[string][]string{
		"it's":            {"it's", "it’s", "it‘s", "itʼs", "it`s", "it´s", "it′s", "it＇s", "IT’S", "it\u02bbs"},
		"l’eau":           {"l'eau", "l’eau"},
		"mother-in-law":   {"mother‐in‐law", "mother‑in‑law", "mother‒in–law", "mother—in−law", "mother－in﹣law", "moth\u00ader-in-law"},
		`"no"`:            {`"no"`, "“no”", "„no“", "«no»", "« no »", "«\u202fno\u00a0»", "»no«", "″no″", "＂no＂", "‟no”"},
		"er sagt »ja«":    {`er sagt "ja"`, "er sagt „ja“"},
		"wait...":         {"wait…", "wait..."},
		"a -- b":          {"a — b", "a -- b"},
		"New York":        {"New\u00a0York", "new\u202fyork", "New\u2009York", "\u2003New  York ", "ＮＥＷ　ＹＯＲＫ"},
		"كتاب":            {"كِتَاب", "كتـــاب", "كِتابٌ", "كتّاب", "\u200fكتاب\u200e"},
		"مُدَرِّسٌ":       {"مدرس", "مُدرّس", "مدرّس"},
		"1789":            {"١٧٨٩", "۱۷۸۹", "１７８９", "𝟙𝟟𝟠𝟡"},
		"1/2":             {"½", "1⁄2", "1∕2"},
		"caf\u00e9":       {"cafe\u0301", "CAFÉ"},
		"rock * roll":     {"rock ’n’ roll", "ROCK ‑ ROLL"},
		"the \"*\" there": {"the “x” there", "the « x » there"},
		"❤":               {"❤\ufe0f"},
		"x²":              {"x^2", "X²"},
		"10⁻³ m":          {"10^-3 m", "10^−3 m"},
		"Na⁺":             {"na+"},
		"5 m²":            {"5 m^2", "5 ㎡", "5m²", "5,0 m²"},
		"H₂O":             {"H2O", "h2o"},
		"1½":              {"1 1/2", "1 ½"},
		"5 cm":            {"5cm", "5\u00a0cm", "5.0 cm", "5,0cm", "٥ cm", "5 cm.", "05 cm"},
		"1.5 kg":          {"1,5 kg", "1.50kg", "1,50 KG"},
		"1000 m":          {"1,000 m", "1 000 m", "1.000 m", "1'000m"},
		"−5 °C":           {"-5°C", "–5 °c", "-5,0 °C", "−5 ℃"},
		"20 %":            {"20%", "20.0 %", "20 ％"},
		"50 €":            {"50€", "50,00 €", "50.00€", "50\u202f€"},
		"3.14 m":          {"3'14 m", "3,14m", "३.१४ m"},
		"10³":             {"10^3"},
		"1e3":             {"1E3"},
		"¾":               {"3/4", "3⁄4", "٣/٤"},
		"5–7":             {"5-7", "5—7", "5‑7", "٥-٧"},
		"Straße":          {"strasse", "STRASSE", "STRAẞE"},
		"l'été":           {"L’ÉTÉ", "l'e\u0301te\u0301"},
		"¿Dónde?":         {"¿dónde?", "¿DÓNDE?"},
		"źdźbło":          {"ŹDŹBŁO", "z\u0301dz\u0301bło"},
		"नमस्ते":          {" नमस्ते "},
		"ـ":               {"ـ"},
	} {
		k := Key{Texts: []Accepted{{key, 1}}}
		for _, s := range append(typed, key) {
			r := Response{Text: s}
			if err := CheckResponse("t", Item{Kind: Text}, r); err != nil || Grade(Item{Kind: Text}, k, r) != 1 {
				t.Errorf("%q with the key %q: %v, %v", s, key, Grade(Item{Kind: Text}, k, r), err)
			}
		}
	}
}

func TestOtherWordsAreWorthNothing(t *testing.T) {
	for key, typed := range map[string][]string{
		"it's":  {"its", "it s", `it"s`},
		"cafe":  {"café"},
		"a-b":   {"ab", "a b", "a_b"},
		"سأل":   {"سال", "سئل"},
		"آن":    {"ان"},
		"ّ":     {"كتاب", "َ"},
		"1/2":   {"12"},
		"x²":    {"x2", "x 2", "2x"},
		"m³":    {"m3"},
		"1½":    {"11/2", "1.5"},
		"5 cm":  {"5", "cm", "5 m", "50 cm", "5 c m s", "-5 cm", "4 cm"},
		"5 m²":  {"5 m", "5 m3", "5 m2"},
		"50 €":  {"50", "50 $", "5 €", "0.50 €"},
		"10³":   {"103", "10 3", "1000"},
		"12 m":  {"1 2 m"},
		"5-7":   {"57", "5 7", "-57"},
		"año":   {"ano"},
		"schön": {"schon"},
		"7 b":   {"7 c"},
	} {
		for _, s := range typed {
			if v := Grade(Item{Kind: Text}, Key{Texts: []Accepted{{key, 1}}}, Response{Text: s}); v != 0 {
				t.Errorf("%q with the key %q is worth %v", s, key, v)
			}
		}
	}
}

func TestWaysToTypeANumberAreWorthTheSame(t *testing.T) {
	for key, typed := range map[float64][]string{
		1000: {
			"1000", "1 000", "1\u00a0000", "1\u202f000", "1\u2009000", "1,000", "1.000", "1,000.00", "1.000,00", "1 000,00", "1 000.0",
			"1'000", "1’000", "1'000.00", "1٬000", "١٠٠٠", "١٬٠٠٠", "١،٠٠٠", "١٬٠٠٠٫٠٠", "۱٬۰۰۰", "１，０００", "1000,", "+1000", "1e3", "1_000", "𝟏𝟬𝟶𝟘", "1000.000",
		},
		1:         {"1", "1.000", "1,000", "1.0", "1,00", "١٫٠٠٠", "01"},
		-5:        {"-5", "−5", "–5", "—5", "‐5", "‑5", "－5", "﹣5", "- 5", "-٥", "\u200e-5", "−5,0"},
		0.5:       {"0.5", "0,5", ".5", ",5", "0.500", "0,500", "٠٫٥", "٠،٥", "0،5"},
		-1234.5:   {"-1234.5", "−1.234,5", "–1,234.5", "-1 234,5", "-١٬٢٣٤٫٥", "-1'234.5"},
		1_000_000: {"1,000,000", "1.000.000", "1 000 000", "10,00,000", "1'000'000", "1.000.000,00", "1,000,000.00", "1e6"},
		3.142:     {"3.142", "3,142", "٣٫١٤٢"},
		3.14:      {"3'14", "3’14", "3 ,14", "3, 14", "٣٫١٤", "३.१४", "৩.১৪", "3.14e0", "314e-2", "+3,14"},
		3.14159:   {"3.141 59", "3,141 59", "3'14159", "3.14159"},
		-12_345.6: {"-12 345,6", "- 12 345.6", "−12’345,6", "-12.345,6", "-१२,३४५.६", "-1.23456e4", "-1,23456E+4"},
		1234.567:  {"1234.567", "1234,567", "1,234.567", "1.234,567", "1 234,567"},
	} {
		k := Key{Numbers: []Range{{Value: key, Weight: 1}}}
		for _, s := range typed {
			r := Response{Text: s}
			if err := CheckResponse("t", Item{Kind: Numeric}, r); err != nil || Grade(Item{Kind: Numeric}, k, r) != 1 {
				t.Errorf("%q with the key %v: %v, %v", s, key, Grade(Item{Kind: Numeric}, k, r), err)
			}
		}
	}
}

func TestOtherNumbersAreWorthNothing(t *testing.T) {
	for key, typed := range map[float64][]string{
		1000: {"1,00", "1.0000", "10,00", "0.001", "١٫٠٠٠", "1,000e1", "1e1"},
		5:    {"-5", "–5", "0,005", "5.5"},
		123:  {"0.123", "0,123", "1.23"},
		1:    {"1,000.00", "1 000", "1,000,000", "1'000"},
	} {
		for _, s := range typed {
			r := Response{Text: s}
			if err := CheckResponse("t", Item{Kind: Numeric}, r); err != nil || Grade(Item{Kind: Numeric}, Key{Numbers: []Range{{Value: key, Weight: 1}}}, r) != 0 {
				t.Errorf("%q with the key %v is worth %v, %v", s, key, Grade(Item{Kind: Numeric}, Key{Numbers: []Range{{Value: key, Weight: 1}}}, r), err)
			}
		}
	}
}

func TestWhatIsNoNumberIsRefused(t *testing.T) {
	for _, s := range []string{
		"abc", "1,2,3", "1.2.3", "1,00,00", "1,0.5", "1,000.5,0", "1.000,5.0", "1,000,00.5", "١٫٥٫٥", "5-", "--5", "5 cm", "5%", "1/2", "½", "10²", "0x10", "Inf", "NaN",
		"1 2", "12 50", "1 0000", "1'23'4", "1 000 00", "5 5", "1 2/3", "5,5 5", "1_0", "1-2", "10^3", "10³", "3x10^3", "3·10³", "3 × 10", "1/2", "⅓",
		"5 €", "€5", "$5", "5$", "£1,000", "50 %", "٥٠٪", "5-7", "5–7", "5 to 7", "2,5 bis 3", "≈5", "~5", "<5", "x=5", "5!", "five", "cinq", "pięć", "خمسة", "(5)", "5 km", "5km", "5°",
		"1h30", "12:30", "1.5.", "5..", "'5", "5'",
		"1p3", "1e999", "-", ".", ",", "e5", "1,,000", ",000,000", "0,000,000", "1000,000,000.5",
	} {
		err := CheckResponse("t", Item{Kind: Numeric}, Response{Text: s})
		if err == nil || !strings.Contains(err.Error(), "must be a number") {
			t.Errorf("%q: %v, read as %v", s, err, Numbers(s))
		}
	}
}

// The page says at once whether an answer is valid. That must not give the key away.
func TestRefusalDoesNotDependOnTheKey(t *testing.T) {
	for s, want := range map[string][]float64{"1,000": {1, 1000}, "1.000": {1, 1000}, "-12.345": {-12.345, -12345}, "0.125": {0.125}, "2e3": {2000}, "1,000e2": {100, 100000}} {
		if got := Numbers(s); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%q: got %v, want %v", s, got, want)
		}
	}
}
