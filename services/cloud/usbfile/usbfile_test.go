package usbfile_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/cloud/batch"
	"github.com/livelearn/box/services/cloud/cloudtest"
	"github.com/livelearn/box/services/cloud/usbfile"
	"github.com/livelearn/box/services/errs"
)

// writeStick returns a file of some batches.
func writeStick(t testing.TB, self cloud.Self, list ...*batch.Batch) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := usbfile.NewWriter(&out, self, cloudtest.StickKey(self.Box))
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range list {
		if err := w.Add(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func openStick(t testing.TB, data []byte) *usbfile.Reader {
	t.Helper()
	r, err := usbfile.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAFileHoldsWhatWasWritten(t *testing.T) {
	self := cloudtest.NewSelf("b1", 1<<63+3, 30)
	want := []*batch.Batch{cloudtest.LessonFacts("b1", 1<<63+3, 0, 20), cloudtest.LessonFacts("b1", 1<<63+3, 20, 0), cloudtest.LessonFacts("b1", 1<<63+3, 20, 10)}
	r := openStick(t, writeStick(t, self, want...))
	if d := cmp.Diff(self, r.Self); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for _, b := range want {
		got, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(b, got, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	}
	if _, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v", err)
	}
}

func TestACutFileGivesItsWholeBatchesAndAnError(t *testing.T) {
	whole := writeStick(t, cloudtest.NewSelf("b1", 1, 30), cloudtest.LessonFacts("b1", 1, 0, 20), cloudtest.LessonFacts("b1", 1, 20, 10))
	seen := map[int]bool{}
	for n := range len(whole) {
		r, err := usbfile.NewReader(bytes.NewReader(whole[:n]))
		if err != nil {
			if code := errs.BodyOf(err).Code; code != "no_stick" && code != "cut" {
				t.Fatalf("cut at %d: %v", n, err)
			}
			continue
		}
		batches := 0
		for err == nil {
			if _, err = r.Next(); err == nil {
				batches++
			}
		}
		if b := errs.BodyOf(err); b.Code != "cut" || b.Reason != "invalid" {
			t.Fatalf("cut at %d of %d: %v", n, len(whole), err)
		}
		seen[batches] = true
	}
	if d := cmp.Diff(map[int]bool{0: true, 1: true, 2: true}, seen); d != "" {
		t.Errorf("whole batches (-want +got):\n%s", d)
	}
}

func TestAFlippedBitOfAFileIsDetected(t *testing.T) {
	whole := writeStick(t, cloudtest.NewSelf("b1", 1, 30), cloudtest.LessonFacts("b1", 1, 0, 30))
	from := bytes.IndexByte(whole, '\n') + 5
	for at := from; at < len(whole)-4; at += 7 {
		bent := bytes.Clone(whole)
		bent[at] ^= 4
		r, err := usbfile.NewReader(bytes.NewReader(bent))
		for err == nil {
			_, err = r.Next()
		}
		if errors.Is(err, io.EOF) {
			t.Fatalf("byte %d: an altered file was taken", at)
		}
	}
}

// Whoever carries a stick can alter a file, or make one of the parts of others. The batches themselves
// are whole, so only the signatures show it.
func TestAFileThatIsNotWhatTheBoxSignedIsRefused(t *testing.T) {
	self := cloudtest.NewSelf("b1", 1, 60)
	parts := func(list ...*batch.Batch) (head []byte, frames [][]byte, end []byte) {
		whole := writeStick(t, self, list...)
		n := bytes.IndexByte(whole, '\n') + 1 + ed25519.SignatureSize
		head, whole = whole[:n], whole[n:]
		for binary.BigEndian.Uint32(whole) > 0 {
			n := 4 + int(binary.BigEndian.Uint32(whole)) + ed25519.SignatureSize
			frames, whole = append(frames, whole[:n]), whole[n:]
		}
		return head, frames, whole
	}
	head, frames, end := parts(cloudtest.LessonFacts("b1", 1, 0, 20), cloudtest.LessonFacts("b1", 1, 20, 20))
	again, _, _ := parts()
	_, forged, _ := parts(cloudtest.LessonFacts("b1", 1, 0, 30))
	moved := bytes.Replace(head, []byte(`"Name":"Box b1"`), []byte(`"Name":"Box b2"`), 1)
	for name, data := range map[string][]byte{
		"moved frames":         slices.Concat(head, frames[1], frames[0], end),
		"a missing frame":      slices.Concat(head, frames[1], end),
		"a frame twice":        slices.Concat(head, frames[0], frames[0], frames[1], end),
		"an end after the cut": slices.Concat(head, frames[0], end),
		"another name":         slices.Concat(moved, frames[0], frames[1], end),
		"a forged batch":       slices.Concat(head, forged[0][:len(forged[0])-ed25519.SignatureSize], frames[0][len(frames[0])-ed25519.SignatureSize:], end),
	} {
		r, err := usbfile.NewReader(bytes.NewReader(data))
		for err == nil {
			_, err = r.Next()
		}
		if got := errs.BodyOf(err); got.Code != "altered" {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if !bytes.Equal(head, again) {
		t.Error("the same header is signed in two ways")
	}
	r := openStick(t, slices.Concat(head, frames[0], frames[1], end))
	if rep, err := usbfile.ImportFile(t.Context(), r, &countingSink{have: map[uint64]bool{}}); err != nil || rep.Stored != 40 || rep.Unsigned {
		t.Errorf("the file itself: %+v, %v", rep, err)
	}
}

// writeUnsigned returns a file as programs before format 2 wrote it.
func writeUnsigned(t testing.TB, self cloud.Self, list ...*batch.Batch) []byte {
	t.Helper()
	line, err := json.Marshal(map[string]any{"magic": "livelearn stick", "format": 1, "self": self})
	if err != nil {
		t.Fatal(err)
	}
	out := bytes.NewBuffer(append(line, '\n'))
	for _, b := range list {
		var frame bytes.Buffer
		if err := batch.Encode(&frame, b); err != nil {
			t.Fatal(err)
		}
		out.Write(binary.BigEndian.AppendUint32(nil, uint32(frame.Len())))
		out.Write(frame.Bytes())
	}
	out.Write(make([]byte, 4))
	return out.Bytes()
}

func TestAFileOfAnEarlierProgramIsReadAsUnsigned(t *testing.T) {
	r := openStick(t, writeUnsigned(t, cloudtest.NewSelf("b1", 1, 20), cloudtest.LessonFacts("b1", 1, 0, 20)))
	rep, err := usbfile.ImportFile(t.Context(), r, &countingSink{have: map[uint64]bool{}})
	if err != nil || r.Key != nil || !rep.Unsigned || rep.Stored != 20 {
		t.Errorf("got %+v, %v", rep, err)
	}
}

func TestAReadFaultIsNotAFaultOfTheFile(t *testing.T) {
	whole := writeStick(t, cloudtest.NewSelf("b1", 1, 30), cloudtest.LessonFacts("b1", 1, 0, 3000))
	fault := errors.New("input/output error")
	r, err := usbfile.NewReader(io.MultiReader(bytes.NewReader(whole[:len(whole)/2]), iotest.ErrReader(fault)))
	if err == nil {
		_, err = r.Next()
	}
	if errs.KindOf(err) != errs.Down || !errors.Is(err, fault) {
		t.Errorf("got %v", err)
	}
}

func TestAnInvalidFileNamesItsFault(t *testing.T) {
	self := cloudtest.NewSelf("b1", 1, 30)
	for want, data := range map[string][]byte{
		"no_stick":   []byte("name,class\nAda,7b\n"),
		"too_new":    []byte(`{"magic":"livelearn stick","format":9,"self":{"Box":"b1","Incarnation":1}}` + "\n"),
		"bad_header": []byte(`{"magic":"livelearn stick","format":1,"self":{"Box":"b1"}}` + "\n"),
		"other_box":  writeStick(t, self, cloudtest.LessonFacts("b2", 1, 0, 1)),
		"unreadable": append(writeStick(t, self)[:bytes.IndexByte(writeStick(t, self), '\n')+1+ed25519.SignatureSize], 0xff, 0xff, 0xff, 0xff),
	} {
		r, err := usbfile.NewReader(bytes.NewReader(data))
		if err == nil {
			_, err = r.Next()
		}
		if got := errs.BodyOf(err); got.Reason != "invalid" || got.Code != want {
			t.Errorf("want %s, got %v", want, err)
		}
	}
}

// countingSink holds the positions of a box's facts. Package pg passes the suite of sinks. This
// one has only the cases that a file can meet.
type countingSink struct {
	pos   uint64
	have  map[uint64]bool
	stale int // number of times that the watermark moves during the import
}

func (s *countingSink) State(context.Context, cloud.Self) (cloud.State, error) {
	return cloud.State{Pos: s.pos}, nil
}

func (s *countingSink) Put(_ context.Context, b *batch.Batch) (cloud.Receipt, error) {
	if s.stale > 0 {
		s.stale--
		s.pos += 5
		for p := range s.pos {
			s.have[p+1] = true
		}
	}
	if b.From != s.pos && !b.Again {
		return cloud.Receipt{}, errs.NewCode("sink", errs.Stale, cloud.CodeMoved, "at %d", s.pos)
	}
	var r cloud.Receipt
	for _, f := range b.Facts {
		if s.have[f.Pos] {
			r.Known++
		} else {
			r.Stored++
		}
		s.have[f.Pos] = true
	}
	if !b.Again {
		s.pos = b.To
	}
	r.Pos = s.pos
	return r, nil
}

func (s *countingSink) Pull(_ context.Context, since uint64, most int) (cloud.Page, error) {
	p := cloud.Page{Next: since}
	for n := since + 1; n <= 450; n++ {
		if len(p.Items) == most {
			p.More = true
			break
		}
		p.Items, p.Next = append(p.Items, cloud.Item{N: n}), n
	}
	return p, nil
}

func TestFilesInAnyOrderAreStoredOnce(t *testing.T) {
	self := cloudtest.NewSelf("b1", 1, 300)
	first := writeStick(t, self, cloudtest.LessonFacts("b1", 1, 0, 100))
	second := writeStick(t, self, cloudtest.LessonFacts("b1", 1, 100, 100))
	both := writeStick(t, self, cloudtest.LessonFacts("b1", 1, 50, 100), cloudtest.LessonFacts("b1", 1, 150, 150))
	s := &countingSink{have: map[uint64]bool{}}
	for i, c := range []struct {
		file []byte
		want usbfile.Report
	}{
		{second, usbfile.Report{Batches: 1, Facts: 100, Stored: 100, Pos: 0, Gap: &usbfile.Gap{From: 0, To: 100}}},
		{first, usbfile.Report{Batches: 1, Facts: 100, Stored: 100, Pos: 100}},
		{first, usbfile.Report{Batches: 1, Facts: 100, Known: 100, Pos: 100}},
		{both, usbfile.Report{Batches: 2, Facts: 250, Stored: 100, Known: 150, Pos: 300}},
		{second, usbfile.Report{Batches: 1, Facts: 100, Known: 100, Pos: 300}},
	} {
		got, err := usbfile.ImportFile(t.Context(), openStick(t, c.file), s)
		c.want.Box, c.want.Name = "b1", "Box b1"
		if err != nil || cmp.Diff(c.want, got) != "" {
			t.Errorf("file %d: %v (-want +got):\n%s", i, err, cmp.Diff(c.want, got))
		}
	}
	if len(s.have) != 300 {
		t.Errorf("%d facts of 300", len(s.have))
	}
}

func TestAFileIsImportedWhileTheBoxSends(t *testing.T) {
	s := &countingSink{have: map[uint64]bool{}, stale: 3}
	file := writeStick(t, cloudtest.NewSelf("b1", 1, 100), cloudtest.LessonFacts("b1", 1, 0, 100))
	rep, err := usbfile.ImportFile(t.Context(), openStick(t, file), s)
	if err != nil || rep.Pos != 100 || rep.Stored+rep.Known != 100 || len(s.have) != 100 {
		t.Errorf("got %+v, %v, %d facts", rep, err, len(s.have))
	}
}

func TestTheReplyHasAllItems(t *testing.T) {
	reply, err := usbfile.BuildReply(t.Context(), cloudtest.NewSelf("b1", 7, 1), &countingSink{pos: 9})
	if err != nil || reply.Box != "b1" || reply.Incarnation != 7 || reply.State.Pos != 9 || len(reply.Page.Items) != 450 || reply.Page.Next != 450 || reply.Page.More {
		t.Errorf("got %d items, %v", len(reply.Page.Items), err)
	}
}

func FuzzImport(f *testing.F) {
	self := cloudtest.NewSelf("b1", 1, 30)
	f.Add(writeStick(f, self, cloudtest.LessonFacts("b1", 1, 0, 3), cloudtest.LessonFacts("b1", 1, 10, 2)))
	f.Add(writeStick(f, self))
	f.Add(writeUnsigned(f, self, cloudtest.LessonFacts("b1", 1, 0, 3)))
	f.Add(binary.BigEndian.AppendUint32(writeStick(f, self)[:30], 1<<31))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := usbfile.NewReader(bytes.NewReader(data))
		if err == nil {
			_, err = usbfile.ImportFile(t.Context(), r, &countingSink{have: map[uint64]bool{}})
		}
		if err != nil && errs.KindOf(err) != errs.Invalid {
			t.Fatalf("%v", err)
		}
	})
}
