package main

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// osList is the file that Raspberry Pi Imager reads to offer an image (schema os_list).
type osList struct {
	List []osEntry `json:"os_list"`
}

type osEntry struct {
	Name        string   `json:"name"`
	Description string   `json:"description"`
	URL         string   `json:"url"`
	ReleaseDate string   `json:"release_date"`
	Extract     int64    `json:"extract_size"`
	ExtractSum  string   `json:"extract_sha256"`
	Download    int64    `json:"image_download_size"`
	DownloadSum string   `json:"image_download_sha256"`
	Devices     []string `json:"devices"`
	Init        string   `json:"init_format"`
}

// packImage compresses the image for downloads. For a Pi it also writes the file for Imager.
func (b *build) packImage() error {
	if !b.Pack {
		return nil
	}
	whole, packed := sha256.New(), sha256.New()
	size, err := b.compressImage(whole, packed)
	if err != nil || b.board.name != "pi" {
		return err
	}
	image, err := os.Stat(b.outputPath(".img"))
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(osList{[]osEntry{{
		Name: "LiveLearn Box " + b.Version, Description: "A live classroom in a box: lessons, quizzes and video without the internet",
		URL: strings.TrimSuffix(b.URL, "/") + "/" + filepath.Base(b.outputPath(".img.gz")), ReleaseDate: b.date.Format("2006-01-02"),
		Extract: image.Size(), ExtractSum: hex.EncodeToString(whole.Sum(nil)), Download: size, DownloadSum: hex.EncodeToString(packed.Sum(nil)),
		Devices: []string{"pi5-64bit", "pi4-64bit", "pi3-64bit"}, Init: "none",
	}}}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(b.outputPath(".imager.json"), append(data, '\n'), 0o644)
}

// compressImage writes the image as gzip (RFC 1952), which every tool reads, and computes the sums
// of both.
func (b *build) compressImage(whole, packed io.Writer) (size int64, err error) {
	in, err := os.Open(b.outputPath(".img"))
	if err != nil {
		return 0, err
	}
	defer func() { _ = in.Close() }()
	out, err := os.Create(b.outputPath(".img.gz"))
	if err != nil {
		return 0, err
	}
	z, err := gzip.NewWriterLevel(io.MultiWriter(out, packed), b.zipLevel())
	if err != nil {
		return 0, errors.Join(err, out.Close())
	}
	_, err = io.Copy(io.MultiWriter(z, whole), in)
	if err := errors.Join(err, z.Close()); err != nil {
		return 0, errors.Join(err, out.Close())
	}
	info, err := out.Stat()
	return info.Size(), errors.Join(err, out.Close())
}
