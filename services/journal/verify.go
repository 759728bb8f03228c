package journal

import "os"

const deepLimit = 256 << 20

func verify(f *os.File, limit int64) error { return nil }
