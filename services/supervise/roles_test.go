package supervise

func play(string) int { return 0 }
