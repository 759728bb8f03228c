package slides

import (
	"fmt"
	"image"
	"testing"
	"time"
)

// BenchmarkPages measures a page of a deck in three widths, text included.
func BenchmarkPages(b *testing.B) {
	texts := make([]string, 20)
	for i := range texts {
		texts[i] = fmt.Sprint("Page ", i)
	}
	s := putFiles(b, pdfOf(960, 540, texts...))
	mustRasterise(b, s)
	for b.Loop() {
		start := time.Now()
		var first time.Duration
		_, err := Rasterise(b.Context(), s, func(done, _ int64) {
			if done == 1 {
				first = time.Since(start)
			}
		})
		checkError(b, err)
		b.ReportMetric(float64((time.Since(start)-first).Milliseconds())/float64(len(texts)-1), "ms/page")
		b.ReportMetric(float64(first.Milliseconds()), "ms-first-page")
	}
}

// BenchmarkLongDocument measures documents of up to 300 pages, in the smallest width.
func BenchmarkLongDocument(b *testing.B) {
	for _, n := range []int{10, 100, 300} {
		b.Run(fmt.Sprintf("pages=%d", n), func(b *testing.B) {
			texts := make([]string, n)
			for i := range texts {
				texts[i] = fmt.Sprint("Page ", i)
			}
			s := putFiles(b, pdfOf(960, 540, texts...))
			s.Widths = []int{640}
			for b.Loop() {
				if pages := mustRasterise(b, s); len(pages) != n {
					b.Fatal(len(pages))
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "us/page")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkPhotoOfAPhone measures the pictures of a phone that are decoded in the sandbox.
func BenchmarkPhotoOfAPhone(b *testing.B) {
	for _, name := range []string{"corners.heic", "corners.avif"} {
		b.Run(name, func(b *testing.B) {
			s := putFiles(b, readTestFile(b, name))
			for b.Loop() {
				mustRasterise(b, s)
			}
		})
	}
}

// BenchmarkCompile measures the first PDF without a cache.
func BenchmarkCompile(b *testing.B) {
	for b.Loop() {
		s := putFiles(b, pdfOf(960, 540, "One"))
		s.Cache = b.TempDir()
		mustRasterise(b, s)
	}
}

func BenchmarkPhotograph(b *testing.B) {
	img := image.NewRGBA(image.Rect(0, 0, 4000, 3000))
	for i := range img.Pix {
		img.Pix[i] = uint8(i/7) ^ uint8(i/4000) | uint8(i%4/3*255)
	}
	s := putFiles(b, jpegOf(b, img))
	for b.Loop() {
		mustRasterise(b, s)
	}
}
