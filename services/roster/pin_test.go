package roster

import "testing"

func TestEasyPINsAreRefused(t *testing.T) {
	for _, easy := range []string{
		"000000", "111111", "123456", "654321", "234567", "567890", "987654", "098765", "112233", "332211", "121212", "123123",
		"1234567890", "abcdef", "AAAaaa", "Password", "azerty", "qwerty", "ababab", "12121212", "1112223334", "112234",
	} {
		if !isEasy(easy) {
			t.Errorf("%q is not refused", easy)
		}
	}
	for _, good := range []string{"246810", "135790", "482913", "123457", "654320", "sample-pin", "blue horse", "121213", "aabbcd e"} {
		if isEasy(good) {
			t.Errorf("%q is refused", good)
		}
	}
}

// About one number of six digits in 900 is easy.
func TestARandomPINIsNotEasy(t *testing.T) {
	for range 20_000 {
		if pin, err := cleanPIN("test", "pin", NewPIN()); err != nil {
			t.Fatal(pin, err)
		}
	}
}
