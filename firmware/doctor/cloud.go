package doctor

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/livelearn/box/firmware/datafolder"
	"github.com/livelearn/box/services/cloud"
	"github.com/livelearn/box/services/errs"
)

const cloudTimeout = 15 * time.Second // for the cloud to answer

// OpenSink opens the transport of a link, as transports.Transports does.
type OpenSink func(ctx context.Context, l cloud.Link) (cloud.Sink, func(), error)

// CheckCloud checks whether the cloud of the box in a data folder answers and takes the box. It
// sends no fact. It reads a copy of the link, so the box may run.
func CheckCloud(ctx context.Context, data string, open OpenSink) Finding {
	link, err := readLink(data)
	if err != nil {
		return warnFinding("see what is said of "+datafolder.CloudFile+", or look at the admin page of the box, under Cloud", "the link to the cloud cannot be read: %v", err)
	}
	switch link.Way {
	case "":
		return okFinding("the box is linked to no cloud")
	case cloud.WayStick:
		return okFinding("facts go to the cloud by a USB stick")
	}
	ctx, cancel := context.WithTimeout(ctx, cloudTimeout)
	defer cancel()
	return judgeCloud(link.Where, probeCloud(ctx, link, open))
}

// readLink reads the link from a copy of its database.
func readLink(data string) (l cloud.Link, err error) {
	from, err := os.Open(filepath.Join(data, datafolder.CloudFile))
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return l, err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	dir, err := os.MkdirTemp(data, "doctor-*")
	if err != nil {
		return l, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, datafolder.CloudFile)
	if err := copyToFile(path, from); err != nil {
		return l, err
	}
	found, _, err := datafolder.LoadKey(data, nil)
	if err != nil {
		return l, err
	}
	return cloud.ReadLink(path, found.Key.For(datafolder.CloudFile))
}

// probeCloud asks for items after the last possible one: the cloud checks the box, and has none.
func probeCloud(ctx context.Context, l cloud.Link, open OpenSink) error {
	sink, done, err := open(ctx, l)
	if err != nil {
		return err
	}
	defer done()
	_, err = sink.Pull(ctx, math.MaxInt64, 1)
	return err
}

// judgeCloud turns the answer of the cloud into a finding. No fault of it prevents a lesson: the
// box keeps its facts and sends them later.
func judgeCloud(where string, err error) Finding {
	if err == nil {
		return okFinding("the cloud at %s answers and takes the box", where)
	}
	switch errs.BodyOf(err).Code {
	case cloud.CodeRevoked, cloud.CodeStranger:
		return warnFinding("ask for a new link (livelearn cloud enrol) and paste it into the admin page of the box, under Cloud", "the cloud at %s refuses the box: %v", where, err)
	case cloud.CodeBoxOlder:
		return warnFinding("update the box", "the cloud at %s takes newer boxes only: %v", where, err)
	case cloud.CodeCloudOlder:
		return warnFinding("update the nodes of the cloud; the box keeps its facts meanwhile", "the cloud at %s is older than the box: %v", where, err)
	case codeCertificate:
		return warnFinding("check the date of the box and the certificate of the cloud; a cloud with a new key needs a new link", "the certificate of the cloud at %s is refused: %v", where, err)
	}
	return warnFinding("check the network of the box and the cloud; the box keeps its facts and sends them later", "the cloud at %s does not answer: %v", where, err)
}

// codeCertificate is https.CodeCertificate, of a package above this one.
const codeCertificate = "certificate"
