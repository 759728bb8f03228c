/* Prints the layout of linux/videodev2.h that types.go copies. */
#include <linux/videodev2.h>
#include <stddef.h>
#include <stdio.h>

#define SIZE(t) printf("sizeof %s %zu\n", #t, sizeof(struct v4l2_##t))
#define AT(t, f) printf("%s.%s %zu\n", #t, #f, offsetof(struct v4l2_##t, f))
#define NUM(n) printf("%s %#lx\n", #n, (unsigned long)(unsigned)(n))

int main(void) {
	SIZE(capability); AT(capability, capabilities); AT(capability, device_caps);
	SIZE(fmtdesc); AT(fmtdesc, description); AT(fmtdesc, pixelformat);
	SIZE(plane_pix_format); AT(plane_pix_format, bytesperline);
	SIZE(pix_format_mplane); AT(pix_format_mplane, plane_fmt); AT(pix_format_mplane, num_planes);
	SIZE(format); AT(format, fmt);
	SIZE(requestbuffers); AT(requestbuffers, memory);
	SIZE(plane); AT(plane, m); AT(plane, data_offset);
	SIZE(buffer); AT(buffer, timestamp); AT(buffer, sequence); AT(buffer, memory);
	AT(buffer, m); AT(buffer, length); AT(buffer, request_fd);
	SIZE(control); SIZE(encoder_cmd); SIZE(decoder_cmd);
	SIZE(selection); AT(selection, r);
	SIZE(streamparm); AT(streamparm, parm.output.timeperframe); AT(streamparm, parm.output.writebuffers);
	NUM(VIDIOC_QUERYCAP); NUM(VIDIOC_ENUM_FMT); NUM(VIDIOC_S_FMT); NUM(VIDIOC_REQBUFS);
	NUM(VIDIOC_QUERYBUF); NUM(VIDIOC_QBUF); NUM(VIDIOC_DQBUF); NUM(VIDIOC_STREAMON);
	NUM(VIDIOC_STREAMOFF); NUM(VIDIOC_S_PARM); NUM(VIDIOC_S_CTRL); NUM(VIDIOC_ENCODER_CMD);
	NUM(VIDIOC_DECODER_CMD); NUM(VIDIOC_S_SELECTION);
	NUM(V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE); NUM(V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE);
	NUM(V4L2_CAP_VIDEO_M2M_MPLANE); NUM(V4L2_CAP_STREAMING); NUM(V4L2_CAP_DEVICE_CAPS);
	NUM(V4L2_FMT_FLAG_COMPRESSED); NUM(V4L2_MEMORY_MMAP); NUM(V4L2_FIELD_NONE);
	NUM(V4L2_COLORSPACE_REC709); NUM(V4L2_BUF_FLAG_KEYFRAME); NUM(V4L2_BUF_FLAG_ERROR);
	NUM(V4L2_BUF_FLAG_LAST); NUM(V4L2_ENC_CMD_START); NUM(V4L2_ENC_CMD_STOP);
	NUM(V4L2_DEC_CMD_START); NUM(V4L2_DEC_CMD_STOP); NUM(V4L2_SEL_TGT_CROP);
	NUM(V4L2_CID_MPEG_VIDEO_BITRATE); NUM(V4L2_CID_MPEG_VIDEO_GOP_SIZE);
	NUM(V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME); NUM(V4L2_CID_MPEG_VIDEO_REPEAT_SEQ_HEADER);
	NUM(V4L2_CID_MPEG_VIDEO_H264_PROFILE); NUM(V4L2_MPEG_VIDEO_H264_PROFILE_CONSTRAINED_BASELINE);
	NUM(V4L2_PIX_FMT_H264); NUM(V4L2_PIX_FMT_YUV420);
	return 0;
}
