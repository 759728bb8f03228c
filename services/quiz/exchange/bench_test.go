package exchange

import (
	"archive/zip"
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"strings"
	"testing"

	"github.com/livelearn/box/services/quiz/item"
	"github.com/livelearn/box/services/slides"
)

// BenchmarkReadManyPictures reads a QTI package of as many questions as a quiz has. Each has a photo
// of 1280 x 960.
func BenchmarkReadManyPictures(b *testing.B) {
	data := largePackage(b, item.MaxItems, item.MaxItems)
	b.ReportAllocs()
	for b.Loop() {
		f, pictures, err := Read(data, slides.MakePicture)
		if err != nil || len(f.Items()) != item.MaxItems || len(pictures) != item.MaxItems {
			b.Fatal(len(f.Items()), len(pictures), err)
		}
	}
}

// BenchmarkReadLargeBank reads a QTI package of 500 questions with 200 photos. A quiz takes the first of
// them, and the file says so.
func BenchmarkReadLargeBank(b *testing.B) {
	data := largePackage(b, 500, 200)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		f, pictures, err := Read(data, slides.MakePicture)
		if err != nil || len(f.Items()) != item.MaxItems || len(f.Questions) != item.MaxItems+1 {
			b.Fatal(len(f.Items()), len(pictures), err)
		}
	}
}

// largePackage is a QTI 2.1 package with many questions. The first ones have pictures that differ.
func largePackage(b *testing.B, questions, pictures int) []byte {
	b.Helper()
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	put := func(name string, data []byte) {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write(data)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	var list strings.Builder
	for i := range questions {
		img := ""
		if i < pictures {
			img = fmt.Sprintf(`<p><img src="p%d.jpg" alt="Picture %d"/></p>`, i, i)
			put(fmt.Sprintf("p%d.jpg", i), photo(b, i))
			fmt.Fprintf(&list, `<resource identifier="p%d" type="webcontent" href="p%d.jpg"/>`, i, i)
		}
		put(fmt.Sprintf("q%d.xml", i), fmt.Appendf(nil, `<assessmentItem xmlns="http://www.imsglobal.org/xsd/imsqti_v2p1" identifier="q%d" title="q%d"><responseDeclaration identifier="R" cardinality="single" baseType="identifier"><correctResponse><value>a</value></correctResponse></responseDeclaration><itemBody>%s<choiceInteraction responseIdentifier="R" maxChoices="1"><prompt>Question %d?</prompt><simpleChoice identifier="a">Yes</simpleChoice><simpleChoice identifier="b">No</simpleChoice></choiceInteraction></itemBody></assessmentItem>`, i, i, img, i))
		fmt.Fprintf(&list, `<resource identifier="q%d" type="imsqti_item_xmlv2p1" href="q%d.xml"/>`, i, i)
	}
	put("imsmanifest.xml", []byte(`<manifest xmlns="http://www.imsglobal.org/xsd/imscp_v1p1"><resources>`+list.String()+`</resources></manifest>`))
	if err := z.Close(); err != nil {
		b.Fatal(err)
	}
	return buf.Bytes()
}

func photo(b *testing.B, n int) []byte {
	b.Helper()
	img := image.NewGray(image.Rect(0, 0, 1280, 960))
	for i := range img.Pix {
		img.Pix[i] = uint8(i%1280/5) + uint8(n)
	}
	var buf bytes.Buffer
	if err := jpeg.Encode(&buf, img, nil); err != nil {
		b.Fatal(err)
	}
	return buf.Bytes()
}
