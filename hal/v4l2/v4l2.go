// Package v4l2 speaks to the memory-to-memory codecs of the kernel (V4L2, multi-planar).
package v4l2
