// Feeds a V4L2 loopback device: copies YUYV frames of a file to it, over and over, at a pace, like a camera that looks at
// each for a number of frames. Use: feeder DEVICE WIDTH HEIGHT FRAMES-A-SECOND FILE FRAMES-EACH
#include <fcntl.h>
#include <linux/videodev2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static int fail(const char *what)
{
	perror(what);
	return 1;
}

int main(int count, char **words)
{
	if (count != 7)
		return fprintf(stderr, "feeder DEVICE WIDTH HEIGHT FRAMES-A-SECOND FILE FRAMES-EACH\n"), 2;
	int device = open(words[1], O_RDWR);
	if (device < 0)
		return fail(words[1]);
	struct v4l2_format format;
	memset(&format, 0, sizeof(format));
	format.type = V4L2_BUF_TYPE_VIDEO_OUTPUT;
	format.fmt.pix.width = atoi(words[2]);
	format.fmt.pix.height = atoi(words[3]);
	format.fmt.pix.pixelformat = V4L2_PIX_FMT_YUYV;
	format.fmt.pix.field = V4L2_FIELD_NONE;
	format.fmt.pix.bytesperline = format.fmt.pix.width * 2;
	format.fmt.pix.sizeimage = format.fmt.pix.bytesperline * format.fmt.pix.height;
	if (ioctl(device, VIDIOC_S_FMT, &format) < 0)
		return fail("VIDIOC_S_FMT");
	size_t size = format.fmt.pix.sizeimage;
	char *frame = malloc(size);
	FILE *file = fopen(words[5], "rb");
	if (!frame || !file)
		return fail(words[5]);
	double rate = atof(words[4]);
	struct timespec pause = { (time_t)(1 / rate), (long)(1e9 * (1 / rate - (time_t)(1 / rate))) };
	for (;;) {
		if (fread(frame, 1, size, file) != size) {
			rewind(file);
			if (fread(frame, 1, size, file) != size)
				return fail("the file holds no whole frame");
		}
		for (int again = atoi(words[6]); again > 0; again--) {
			if (write(device, frame, size) != (ssize_t)size)
				return fail("write");
			nanosleep(&pause, NULL);
		}
	}
}
