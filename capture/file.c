/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Frames from capture files, through libpcap.
 *
 * One file is read by pcap_dispatch. Several are merged by time: a heap of the
 * files, each with its next frame in hand (libpcap keeps a buffer for each
 * file, so nothing is copied). A file that ends leaves the heap; so does one
 * that is damaged, and that is told when all others have been read, because
 * what they hold is still good.
 *
 * Files are opened here and not by libpcap, which tells no error code and
 * reads in pieces of 4 KiB.
 */
#include "capture/source.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <pcap/pcap.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	/* Larger gained nothing more; hundreds of files have one each. */
	READ_BUFFER_BYTES = 64 * 1024,

	LINKTYPE_RAW = 101
};

struct input {
	char *name;
	char *buffer; /* of `file` */
	FILE *file;   /* owned by `pcap` once that is open */
	pcap_t *pcap;
	int link_type;
	uint64_t frames; /* delivered or in hand */
	/* the frame in hand, while merging */
	struct pcap_pkthdr *hdr;
	const u_char *bytes;
	int64_t time_ns;
};

struct file_source {
	struct capture_source head;
	struct capture_source_stats stats;
	int failure; /* what dispatch returns when nothing is left */
	bool begun;
	size_t count;
	size_t reading; /* inputs that have more; heap[0] is the earliest */
	struct input **heap;
	struct input *inputs; /* [count] */
	char error[CAPTURE_ERROR_BYTES];
};

/* For the callback of pcap_dispatch. */
struct delivery {
	struct file_source *file;
	capture_frame_fn fn;
	void *ctx;
};

static struct file_source *
file_source(struct capture_source *source)
{
	return (struct file_source *)source;
}

static const struct file_source *
file_source_const(const struct capture_source *source)
{
	return (const struct file_source *)source;
}

/* ---- damage ------------------------------------------------------------ */

/* Several files may be damaged; the messages are put in a row. */
__attribute__((format(printf, 2, 3))) static void
add_error(struct file_source *file, const char *format, ...)
{
	size_t used = strlen(file->error);
	va_list args;

	if (used && used + 3 < sizeof file->error) {
		memcpy(file->error + used, "; ", 3);
		used += 2;
	}
	va_start(args, format);
	vsnprintf(file->error + used, sizeof file->error - used, format, args);
	va_end(args);
}

/* libpcap reported an error while reading. */
static void
reading_failed(struct file_source *file, const struct input *in)
{
	const char *why = pcap_geterr(in->pcap);

	if (ferror(in->file)) {
		add_error(file,
			  "%s: reading failed after frame %" PRIu64 ": %s",
			  in->name, in->frames, why);
		file->failure = -EIO;
		return;
	}
	if (!file->failure)
		file->failure = -EBADMSG;
	/* libpcap 1.10 reads a pcapng file only if all its interfaces are
	 * alike; the file itself is good. */
	if (strstr(why, "different from the type of the first interface"))
		add_error(file,
			  "%s: not read beyond frame %" PRIu64 ": interfaces "
			  "of different link types in one file, which libpcap "
			  "cannot read; give each a file of its own",
			  in->name, in->frames);
	else if (strstr(why, "of the first interface"))
		add_error(file,
			  "%s: not read beyond frame %" PRIu64 ": interfaces "
			  "of different snap lengths in one file, which "
			  "libpcap cannot read; convert it with editcap -F "
			  "pcap",
			  in->name, in->frames);
	else
		add_error(file,
			  "%s: cut off or damaged after frame %" PRIu64 " (%s)",
			  in->name, in->frames, why);
}

/* @return false if there is no such time, which is damage */
static bool
frame_time(struct file_source *file, const struct input *in,
	   const struct pcap_pkthdr *hdr, int64_t *time_ns)
{
	int64_t seconds = hdr->ts.tv_sec;

	/* The file format's seconds have no sign; libpcap gives them one. */
	if (seconds < 0)
		seconds += INT64_C(1) << 32;
	/* The second test is for pcapng, where seconds can be anything; the
	 * sum is tested too, because the fraction is not checked by libpcap. */
	if (seconds >= 0 && seconds <= CAPTURE_TIME_MAX_NS / 1000000000) {
		*time_ns = seconds * 1000000000 + hdr->ts.tv_usec;
		if (capture_time_valid(*time_ns))
			return true;
	}
	add_error(file,
		  "%s: damaged after frame %" PRIu64 " (the next has an "
		  "impossible time)",
		  in->name, in->frames);
	if (!file->failure)
		file->failure = -EBADMSG;
	return false;
}

/* ---- reading ----------------------------------------------------------- */

static void
deliver(const struct delivery *to, const struct input *in,
	const struct pcap_pkthdr *hdr, const u_char *bytes, int64_t time_ns)
{
	struct capture_frame frame = {
		.time_ns = time_ns,
		.bytes = bytes,
		.captured_bytes = hdr->caplen,
		.wire_bytes = hdr->len,
		.link_type = in->link_type,
	};

	to->file->stats.frames++;
	to->file->stats.truncated += hdr->caplen < hdr->len;
	to->fn(to->ctx, &frame);
}

static void
on_frame(u_char *user, const struct pcap_pkthdr *hdr, const u_char *bytes)
{
	const struct delivery *to = (const void *)user;
	struct input *in = to->file->heap[0];
	int64_t time_ns;

	if (!frame_time(to->file, in, hdr, &time_ns)) {
		pcap_breakloop(in->pcap);
		to->file->reading = 0;
		return;
	}
	in->frames++;
	deliver(to, in, hdr, bytes, time_ns);
}

static void
dispatch_one(const struct delivery *to, uint32_t frames_max)
{
	struct file_source *file = to->file;
	struct input *in = file->heap[0];
	int n =
	    pcap_dispatch(in->pcap, (int)frames_max, on_frame, (u_char *)to);

	if (n == PCAP_ERROR)
		reading_failed(file, in);
	if (n < (int)frames_max)
		file->reading = 0;
}

/* @return false at the end of the file, or of what is good of it */
static bool
read_ahead(struct file_source *file, struct input *in)
{
	int rc = pcap_next_ex(in->pcap, &in->hdr, &in->bytes);

	if (rc == PCAP_ERROR)
		reading_failed(file, in);
	if (rc != 1 || !frame_time(file, in, in->hdr, &in->time_ns))
		return false;
	in->frames++;
	return true;
}

/* Frames of the same time come in the order in which the files were named. */
static bool
is_earlier(const struct input *a, const struct input *b)
{
	if (a->time_ns != b->time_ns)
		return a->time_ns < b->time_ns;
	return a < b;
}

static void
sift_down(struct file_source *file, size_t at)
{
	struct input **heap = file->heap;
	struct input *in = heap[at];

	for (;;) {
		size_t child = 2 * at + 1;

		if (child + 1 < file->reading &&
		    is_earlier(heap[child + 1], heap[child]))
			child++;
		if (child >= file->reading || !is_earlier(heap[child], in))
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = in;
}

/* Take the first frame of each file in hand. */
static void
begin_merge(struct file_source *file)
{
	size_t i;

	file->reading = 0;
	for (i = 0; i < file->count; i++)
		if (read_ahead(file, &file->inputs[i]))
			file->heap[file->reading++] = &file->inputs[i];
	for (i = file->reading / 2; i-- > 0;)
		sift_down(file, i);
}

static void
dispatch_merged(const struct delivery *to, uint32_t frames_max)
{
	struct file_source *file = to->file;
	uint32_t n;

	if (!file->begun)
		begin_merge(file);
	file->begun = true;
	for (n = 0; n < frames_max && file->reading; n++) {
		struct input *in = file->heap[0];

		deliver(to, in, in->hdr, in->bytes, in->time_ns);
		if (!read_ahead(file, in))
			file->heap[0] = file->heap[--file->reading];
		if (file->reading)
			sift_down(file, 0);
	}
}

static int
file_dispatch(struct capture_source *source, uint32_t frames_max,
	      capture_frame_fn fn, void *ctx)
{
	struct file_source *file = file_source(source);
	struct delivery to = { .file = file, .fn = fn, .ctx = ctx };
	uint64_t before = file->stats.frames;

	if (frames_max > INT_MAX)
		frames_max = INT_MAX;
	if (file->reading && frames_max) {
		if (file->count == 1)
			dispatch_one(&to, frames_max);
		else
			dispatch_merged(&to, frames_max);
	}
	if (file->stats.frames > before)
		return (int)(file->stats.frames - before);
	return file->failure;
}

static int
file_fd(const struct capture_source *source)
{
	return -1;
}

static void
file_stats(struct capture_source *source, struct capture_source_stats *stats)
{
	const struct file_source *file = file_source_const(source);
	size_t i;

	*stats = file->stats;
	if (!stats->bytes_total)
		return;
	for (i = 0; i < file->count; i++) {
		off_t at = ftello(file->inputs[i].file);

		stats->bytes_done += at > 0 ? (uint64_t)at : 0;
	}
}

static const char *
file_error(const struct capture_source *source)
{
	return file_source_const(source)->error;
}

static void
file_free(struct capture_source *source)
{
	struct file_source *file = file_source(source);
	size_t i;

	for (i = 0; file->inputs && i < file->count; i++) {
		struct input *in = &file->inputs[i];

		if (in->pcap)
			pcap_close(in->pcap);
		else if (in->file)
			fclose(in->file);
		free(in->buffer);
		free(in->name);
	}
	free(file->inputs);
	free(file->heap);
	free(file);
}

/* ---- opening ----------------------------------------------------------- */

static int
open_error(int error)
{
	switch (error) {
	case ENOENT:
	case ENOTDIR:
		return -ENOENT;
	case EACCES:
	case EPERM:
		return -EACCES;
	case ENOMEM:
		return -ENOMEM;
	default:
		return -EIO;
	}
}

/* Standard input under a descriptor of its own, so that all are closed alike.
 */
static int
open_fd(const char *path)
{
	if (strcmp(path, "-") == 0)
		return fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static int
open_stream(struct file_source *file, struct input *in, const char *path)
{
	struct stat st;
	int fd = open_fd(path);

	if (fd < 0 || fstat(fd, &st) || !(in->file = fdopen(fd, "rb"))) {
		int rc = open_error(errno);

		add_error(file, "%s: %s", in->name, strerror(errno));
		if (fd >= 0)
			close(fd);
		return rc;
	}
	if (S_ISDIR(st.st_mode)) {
		add_error(file, "%s: a folder, not a capture file", in->name);
		return -EISDIR;
	}
	if (S_ISREG(st.st_mode) && st.st_size == 0) {
		add_error(file, "%s: the file is empty", in->name);
		return -EBADMSG;
	}
	/* Only one thread reads; locking was a third of the time. */
	__fsetlocking(in->file, FSETLOCKING_BYCALLER);
	setvbuf(in->file, in->buffer, _IOFBF, READ_BUFFER_BYTES);
	/* A pipe has no length, and with one of those the sum says nothing. */
	if (!S_ISREG(st.st_mode))
		file->stats.bytes_total = UINT64_MAX;
	else if (file->stats.bytes_total != UINT64_MAX)
		file->stats.bytes_total += (uint64_t)st.st_size;
	return 0;
}

static int
open_input(struct file_source *file, struct input *in, const char *path)
{
	char why[PCAP_ERRBUF_SIZE] = "";
	int rc;

	in->name = strdup(strcmp(path, "-") ? path : "standard input");
	in->buffer = malloc(READ_BUFFER_BYTES);
	if (!in->name || !in->buffer) {
		add_error(file, "%s: out of memory", path);
		return -ENOMEM;
	}
	rc = open_stream(file, in, path);
	if (rc)
		return rc;
	in->pcap = pcap_fopen_offline_with_tstamp_precision(
	    in->file, PCAP_TSTAMP_PRECISION_NANO, why);
	if (!in->pcap && ferror(in->file)) {
		add_error(file, "%s: %s", in->name, why);
		return -EIO;
	}
	if (!in->pcap) {
		add_error(file,
			  "%s: not a capture file, or cut off in its header "
			  "(%s)",
			  in->name, why);
		return -EBADMSG;
	}
	/* Of the link types that matter here this is the one whose number
	 * libpcap changes, from system to system. */
	in->link_type = pcap_datalink(in->pcap);
	if (in->link_type == DLT_RAW)
		in->link_type = LINKTYPE_RAW;
	return 0;
}

int
capture_file_open(struct capture_source **source, const char *const *paths,
		  size_t count, char *error)
{
	static const struct capture_source_ops ops = {
		.dispatch = file_dispatch,
		.fd = file_fd,
		.stats = file_stats,
		.error = file_error,
		.free = file_free,
	};
	struct file_source *file = calloc(1, sizeof *file);
	int rc = -ENOMEM;
	size_t i;

	assert(count > 0);
	snprintf(error, CAPTURE_ERROR_BYTES, "out of memory");
	if (!file)
		return -ENOMEM;
	file->head.ops = &ops;
	file->count = count;
	file->reading = count;
	file->inputs = calloc(count, sizeof *file->inputs);
	file->heap = calloc(count, sizeof(struct input *));
	if (!file->inputs || !file->heap)
		goto out;
	for (i = 0; i < count; i++) {
		rc = open_input(file, &file->inputs[i], paths[i]);
		if (rc) {
			memcpy(error, file->error, CAPTURE_ERROR_BYTES);
			goto out;
		}
	}
	file->heap[0] = &file->inputs[0];
	if (file->stats.bytes_total == UINT64_MAX)
		file->stats.bytes_total = 0;
	rc = 0;
	error[0] = '\0';
	*source = &file->head;
out:
	if (rc)
		file_free(&file->head);
	return rc;
}
