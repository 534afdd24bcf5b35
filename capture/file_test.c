/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Capture files are written here byte by byte, good and bad. The number of a
 * frame is its first four bytes.
 */
#include "capture/source.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>
#include <cmocka.h>

#include "cmd/testing/testing.h"

#define SECOND_NS INT64_C(1000000000)

struct built {
	uint8_t bytes[4096];
	size_t n;
};

static void
put(struct built *b, const void *bytes, size_t n)
{
	assert_true(b->n + n <= sizeof b->bytes);
	memcpy(b->bytes + b->n, bytes, n);
	b->n += n;
}

static void
put_u32(struct built *b, uint32_t v)
{
	put(b, &v, 4);
}

/* ---- pcap -------------------------------------------------------------- */

enum { MAGIC_US = 0xa1b2c3d4, MAGIC_NS = 0xa1b23c4d };
enum { HEADER_BYTES = 24, FRAME_BYTES = 16 + 20 };

static void
put_header(struct built *b, uint32_t magic, uint32_t link_type)
{
	put_u32(b, magic);
	put_u32(b, 2 | 4 << 16); /* version 2.4 */
	put_u32(b, 0);
	put_u32(b, 0);
	put_u32(b, 65535);
	put_u32(b, link_type);
}

/* 20 bytes, of 20 or more. */
static void
put_frame(struct built *b, uint32_t seconds, uint32_t fraction, uint32_t number,
	  uint32_t wire_bytes)
{
	static const uint8_t rest[16];

	put_u32(b, seconds);
	put_u32(b, fraction);
	put_u32(b, 20);
	put_u32(b, wire_bytes);
	put_u32(b, number);
	put(b, rest, sizeof rest);
}

/* ---- pcapng ------------------------------------------------------------ */

static void
put_section(struct built *b)
{
	put_u32(b, 0x0a0d0d0a);
	put_u32(b, 28);
	put_u32(b, 0x1a2b3c4d);
	put_u32(b, 1);
	put_u32(b, UINT32_MAX);
	put_u32(b, UINT32_MAX);
	put_u32(b, 28);
}

static void
put_interface(struct built *b, uint32_t link_type, uint32_t snap_bytes)
{
	put_u32(b, 1);
	put_u32(b, 20);
	put_u32(b, link_type);
	put_u32(b, snap_bytes);
	put_u32(b, 20);
}

static void
put_packet(struct built *b, uint32_t interface, uint64_t time_us,
	   uint32_t number)
{
	put_u32(b, 6);
	put_u32(b, 36);
	put_u32(b, interface);
	put_u32(b, (uint32_t)(time_us >> 32));
	put_u32(b, (uint32_t)time_us);
	put_u32(b, 4);
	put_u32(b, 4);
	put_u32(b, number);
	put_u32(b, 36);
}

/* ---- reading ----------------------------------------------------------- */

struct heard {
	uint32_t frames;
	uint32_t numbers[64];
	struct capture_frame last;
};

static void
on_frame(void *ctx, const struct capture_frame *frame)
{
	struct heard *heard = ctx;

	assert_true(frame->captured_bytes >= 4);
	assert_true(heard->frames < 64);
	memcpy(&heard->numbers[heard->frames++], frame->bytes, 4);
	heard->last = *frame;
}

/* To the end, a few frames at a time. @return what came then, twice */
static int
read_all(struct capture_source *source, uint32_t frames_max,
	 struct heard *heard)
{
	int rc;

	memset(heard, 0, sizeof *heard);
	while ((rc = capture_source_dispatch(source, frames_max, on_frame,
					     heard)) > 0)
		assert_true((uint32_t)rc <= frames_max);
	assert_int_equal(
	    capture_source_dispatch(source, frames_max, on_frame, heard), rc);
	return rc;
}

/* A fresh folder for each test, in *state. */
static int
set_up(void **state)
{
	*state = testing_folder();
	return 0;
}

static int
tear_down(void **state)
{
	testing_folder_remove(*state);
	return 0;
}

/* @return path of a new file in the folder; the caller frees it */
static char *
write_file(void **state, const char *name, const struct built *b, size_t n)
{
	char *path;

	assert_true(asprintf(&path, "%s/%s", (char *)*state, name) > 0);
	testing_write_file(path, b->bytes, n);
	return path;
}

static struct capture_source *
open_files(const char *const *paths, size_t count)
{
	struct capture_source *source = NULL;
	char error[CAPTURE_ERROR_BYTES];

	if (capture_file_open(&source, paths, count, error))
		fail_msg("%s", error);
	assert_string_equal(error, "");
	assert_string_equal(capture_source_error(source), "");
	return source;
}

static struct capture_source *
open_built(void **state, const struct built *b, size_t n)
{
	char *path = write_file(state, "in.pcap", b, n);
	struct capture_source *source =
	    open_files((const char *const[]){ path }, 1);

	free(path);
	return source;
}

/* The error is `code`, and the message "<path><rest>". */
static void
check_refused(const char *path, int code, const char *rest)
{
	struct capture_source *source = NULL;
	char error[CAPTURE_ERROR_BYTES], *expected;

	assert_int_equal(capture_file_open(&source, &path, 1, error), code);
	assert_null(source);
	assert_true(asprintf(&expected, "%s%s", path, rest) > 0);
	assert_string_equal(error, expected);
	free(expected);
}

/* The error of a source that was read is "<folder>/in.pcap<rest>". */
static void
check_error(void **state, const struct capture_source *source, const char *rest)
{
	char *expected;

	assert_true(asprintf(&expected, "%s/in.pcap%s", (char *)*state, rest) >
		    0);
	assert_string_equal(capture_source_error(source), expected);
	free(expected);
}

/* ---- one file ---------------------------------------------------------- */

static void
test_one_file(void **state)
{
	struct capture_source_stats stats;
	struct capture_source *source;
	struct built b = { 0 };
	struct heard heard;
	uint32_t i;

	put_header(&b, MAGIC_US, 1);
	for (i = 0; i < 10; i++)
		put_frame(&b, 1553782503, 100 + i, i, i < 3 ? 1500 : 20);
	source = open_built(state, &b, b.n);
	assert_int_equal(capture_source_fd(source), -1);
	capture_source_stats(source, &stats);
	assert_int_equal(stats.bytes_total, b.n);
	assert_int_equal(read_all(source, 3, &heard), 0);
	assert_int_equal(heard.frames, 10);
	for (i = 0; i < 10; i++)
		assert_int_equal(heard.numbers[i], i);
	assert_int_equal(heard.last.time_ns, 1553782503 * SECOND_NS + 109000);
	assert_int_equal(heard.last.captured_bytes, 20);
	assert_int_equal(heard.last.wire_bytes, 20);
	assert_int_equal(heard.last.link_type, 1);
	capture_source_stats(source, &stats);
	assert_int_equal(stats.frames, 10);
	assert_int_equal(stats.truncated, 3);
	assert_int_equal(stats.kernel_drops, 0);
	assert_int_equal(stats.bytes_done, b.n);
	assert_string_equal(capture_source_error(source), "");
	capture_source_free(&source);
	assert_null(source);
}

static void
test_nanoseconds(void **state)
{
	/* 4294967295 s is 2106: the field has no sign. */
	static const uint32_t seconds[] = { 0, 1553782503, 4294967295u };
	size_t i;

	for (i = 0; i < 3; i++) {
		struct capture_source *source;
		struct built b = { 0 };
		struct heard heard;

		put_header(&b, MAGIC_NS, 101);
		put_frame(&b, seconds[i], 999999999, 0, 20);
		source = open_built(state, &b, b.n);
		assert_int_equal(read_all(source, UINT32_MAX, &heard), 0);
		assert_int_equal(heard.last.time_ns,
				 seconds[i] * SECOND_NS + 999999999);
		assert_int_equal(heard.last.link_type, 101);
		capture_source_free(&source);
	}
}

/* Raw IP has one number in files, 101, and another in the library: 12. */
static void
test_link_types(void **state)
{
	static const int types[][2] = { { 0, 0 },     { 1, 1 },
					{ 12, 101 },  { 101, 101 },
					{ 108, 108 }, { 113, 113 },
					{ 228, 228 }, { 229, 229 },
					{ 276, 276 }, { 105, 105 } };
	size_t i;

	for (i = 0; i < sizeof types / sizeof *types; i++) {
		struct capture_source *source;
		struct built b = { 0 };
		struct heard heard;

		put_header(&b, MAGIC_US, (uint32_t)types[i][0]);
		put_frame(&b, 1, 0, 0, 20);
		source = open_built(state, &b, b.n);
		assert_int_equal(read_all(source, 1, &heard), 0);
		assert_int_equal(heard.last.link_type, types[i][1]);
		capture_source_free(&source);
	}
}

static void
test_pcapng(void **state)
{
	struct capture_source *source;
	struct built b = { 0 };
	struct heard heard;

	put_section(&b);
	put_interface(&b, 1, 65535);
	put_packet(&b, 0, 1553782503000001, 7);
	put_interface(&b, 1, 65535);
	put_packet(&b, 1, 1553782503000002, 8);
	source = open_built(state, &b, b.n);
	assert_int_equal(read_all(source, 1, &heard), 0);
	assert_int_equal(heard.frames, 2);
	assert_int_equal(heard.numbers[1], 8);
	assert_int_equal(heard.last.time_ns, 1553782503 * SECOND_NS + 2000);
	capture_source_free(&source);
}

/* Standard input, here a pipe: no length, so no progress. */
static void
test_standard_input(void **state)
{
	static const char *const path = "-";
	int saved = dup(STDIN_FILENO), ends[2];
	struct capture_source_stats stats;
	struct capture_source *source;
	struct built b = { 0 };
	struct heard heard;

	put_header(&b, MAGIC_US, 1);
	put_frame(&b, 1, 0, 5, 20);
	put_frame(&b, 2, 0, 6, 20);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], b.bytes, b.n - 1), b.n - 1);
	close(ends[1]);
	assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
	close(ends[0]);

	source = open_files(&path, 1);
	assert_int_equal(read_all(source, 100, &heard), -EBADMSG);
	assert_int_equal(heard.frames, 1);
	assert_int_equal(heard.numbers[0], 5);
	capture_source_stats(source, &stats);
	assert_int_equal(stats.bytes_done, 0);
	assert_int_equal(stats.bytes_total, 0);
	assert_string_equal(capture_source_error(source),
			    "standard input: cut off or damaged after frame 1 "
			    "(truncated dump file; tried to read 20 captured "
			    "bytes, only got 19)");
	capture_source_free(&source);
	/* It is still open: the source had a descriptor of its own. */
	assert_int_equal(fcntl(STDIN_FILENO, F_GETFD), 0);
	assert_int_equal(dup2(saved, STDIN_FILENO), STDIN_FILENO);
	close(saved);
}

static void
test_no_standard_input(void **state)
{
	static const char *const path = "-";
	int saved = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 10);
	struct capture_source *source = NULL;
	char error[CAPTURE_ERROR_BYTES];

	assert_int_equal(close(STDIN_FILENO), 0);
	assert_int_equal(capture_file_open(&source, &path, 1, error), -EIO);
	assert_string_equal(error, "standard input: Bad file descriptor");
	assert_int_equal(dup2(saved, STDIN_FILENO), STDIN_FILENO);
	close(saved);
}

/* One end of a terminal fails to read when the other has been closed. */
static void
test_reading_fails(void **state)
{
	static const char *const path = "-";
	int saved = dup(STDIN_FILENO), master, slave;
	struct capture_source *source;
	struct termios raw;
	struct built b = { 0 };
	struct heard heard;

	put_header(&b, MAGIC_US, 1);
	put_frame(&b, 1, 0, 5, 20);
	put_frame(&b, 2, 0, 6, 20);
	assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
	assert_int_equal(tcgetattr(slave, &raw), 0);
	cfmakeraw(&raw);
	assert_int_equal(tcsetattr(slave, TCSANOW, &raw), 0);
	assert_int_equal(write(slave, b.bytes, b.n - 7), b.n - 7);
	close(slave);
	assert_int_equal(dup2(master, STDIN_FILENO), STDIN_FILENO);
	close(master);

	source = open_files(&path, 1);
	assert_int_equal(read_all(source, 100, &heard), -EIO);
	assert_int_equal(heard.frames, 1);
	assert_string_equal(capture_source_error(source),
			    "standard input: reading failed after frame 1: "
			    "error reading dump file: Input/output error");
	capture_source_free(&source);
	assert_int_equal(dup2(saved, STDIN_FILENO), STDIN_FILENO);
	close(saved);
}

/* ---- bad files --------------------------------------------------------- */

static void
test_truncations(void **state)
{
	struct built b = { 0 };
	char *path;
	uint32_t n;

	put_header(&b, MAGIC_US, 1);
	put_frame(&b, 1, 0, 0, 20);
	put_frame(&b, 2, 0, 1, 20);
	path = write_file(state, "in.pcap", &b, 0);
	check_refused(path, -EBADMSG, ": the file is empty");
	for (n = 1; n < b.n; n++) {
		size_t frames =
		    n < HEADER_BYTES ? 0 : (n - HEADER_BYTES) / FRAME_BYTES;
		bool clean = n == HEADER_BYTES + frames * FRAME_BYTES;
		struct capture_source *source = NULL;
		char error[CAPTURE_ERROR_BYTES];
		struct heard heard;

		testing_write_file(path, b.bytes, n);
		if (n < HEADER_BYTES) {
			assert_int_equal(
			    capture_file_open(&source,
					      (const char *const[]){ path }, 1,
					      error),
			    -EBADMSG);
			assert_null(source);
			continue;
		}
		source = open_built(state, &b, n);
		assert_int_equal(read_all(source, 1 + n % 3, &heard),
				 clean ? 0 : -EBADMSG);
		assert_int_equal(heard.frames, frames);
		capture_source_free(&source);
	}
	free(path);
}

static void
test_cut_message(void **state)
{
	struct capture_source *source;
	struct built b = { 0 };
	struct heard heard;

	put_header(&b, MAGIC_US, 1);
	put_frame(&b, 1, 0, 0, 20);
	put_frame(&b, 2, 0, 1, 20);
	source = open_built(state, &b, b.n - FRAME_BYTES + 7);
	assert_int_equal(read_all(source, 10, &heard), -EBADMSG);
	check_error(state, source,
		    ": cut off or damaged after frame 1 (truncated dump file; "
		    "tried to read 16 header bytes, only got 7)");
	capture_source_free(&source);
}

static void
test_refused(void **state)
{
	struct built b = { 0 };
	char *path;

	check_refused(*state, -EISDIR, ": a folder, not a capture file");
	put(&b, "#!/bin/sh\necho this is not a capture file\n", 41);
	path = write_file(state, "garbage", &b, b.n);
	check_refused(path, -EBADMSG,
		      ": not a capture file, or cut off in its header (unknown "
		      "file format)");
	free(path);
	b.n = 0;
	put_header(&b, MAGIC_US, 1);
	path = write_file(state, "short", &b, 20);
	check_refused(path, -EBADMSG,
		      ": not a capture file, or cut off in its header "
		      "(truncated dump file; tried to read 24 file header "
		      "bytes, only got 16)");
	assert_int_equal(unlink(path), 0);
	check_refused(path, -ENOENT, ": No such file or directory");
	free(path);
}

static void
test_unreadable(void **state)
{
	struct built b = { 0 };
	char *path;

	put_header(&b, MAGIC_US, 1);
	path = write_file(state, "secret.pcap", &b, b.n);
	assert_int_equal(chmod(path, 0), 0);
	/* Root may read anything, so be somebody else for a moment. */
	if (geteuid() == 0) {
		assert_int_equal(chmod(*state, 0755), 0);
		assert_int_equal(seteuid(65534), 0);
		check_refused(path, -EACCES, ": Permission denied");
		assert_int_equal(seteuid(0), 0);
	} else {
		check_refused(path, -EACCES, ": Permission denied");
	}
	free(path);
}

/* What libpcap cannot read though nothing is wrong with it. */
static void
test_unlike_interfaces(void **state)
{
	static const struct {
		uint32_t link_type, snap_bytes;
		const char *error;
	} cases[] = {
		{ 113, 65535,
		  ": not read beyond frame 1: interfaces of different link "
		  "types in one file, which libpcap cannot read; give each a "
		  "file of its own" },
		{ 1, 262144,
		  ": not read beyond frame 1: interfaces of different snap "
		  "lengths in one file, which libpcap cannot read; convert it "
		  "with editcap -F pcap" },
	};
	size_t i;

	for (i = 0; i < 2; i++) {
		struct capture_source *source;
		struct built b = { 0 };
		struct heard heard;

		put_section(&b);
		put_interface(&b, 1, 65535);
		put_packet(&b, 0, 1000, 7);
		put_interface(&b, cases[i].link_type, cases[i].snap_bytes);
		put_packet(&b, 1, 2000, 8);
		source = open_built(state, &b, b.n);
		assert_int_equal(read_all(source, 10, &heard), -EBADMSG);
		assert_int_equal(heard.frames, 1);
		check_error(state, source, cases[i].error);
		capture_source_free(&source);
	}
}

static void
test_impossible_time(void **state)
{
	struct capture_source *source;
	struct built b = { 0 };
	struct heard heard;

	put_section(&b);
	put_interface(&b, 1, 65535);
	put_packet(&b, 0, 1000, 7);
	put_packet(&b, 0, UINT64_MAX, 8);
	put_packet(&b, 0, 2000, 9);
	source = open_built(state, &b, b.n);
	assert_int_equal(read_all(source, 10, &heard), -EBADMSG);
	assert_int_equal(heard.frames, 1);
	check_error(
	    state, source,
	    ": damaged after frame 1 (the next has an impossible time)");
	capture_source_free(&source);
}

/* ---- several files ----------------------------------------------------- */

static void
test_merge(void **state)
{
	/* seconds of the frames of each file; numbers count over all */
	static const struct {
		uint32_t count, seconds[6];
	} files[] = {
		{ 4, { 10, 20, 30, 40 } },
		{ 0, { 0 } },
		{ 6, { 5, 10, 10, 30, 50, 60 } },
		{ 3, { 70, 71, 72 } },
		{ 1, { 30 } },
	};
	static const uint32_t expected[] = { 4,  0, 5, 6, 1,  2,  7,
					     13, 3, 8, 9, 10, 11, 12 };
	struct capture_source_stats stats;
	struct capture_source *source;
	uint32_t number = 0, step, i;
	char *paths[5];
	size_t f, bytes = 0;

	for (f = 0; f < 5; f++) {
		struct built b = { 0 };
		char name[16];

		put_header(&b, MAGIC_US, f == 2 ? 101 : 1);
		for (i = 0; i < files[f].count; i++)
			put_frame(&b, files[f].seconds[i], 0, number++, 20);
		snprintf(name, sizeof name, "%zu.pcap", f);
		paths[f] = write_file(state, name, &b, b.n);
		bytes += b.n;
	}
	for (step = 1; step <= 16; step++) {
		struct heard heard;

		source = open_files((const char *const *)paths, 5);
		assert_int_equal(read_all(source, step, &heard), 0);
		assert_int_equal(heard.frames, 14);
		assert_memory_equal(heard.numbers, expected, sizeof expected);
		assert_int_equal(heard.last.link_type, 1);
		capture_source_stats(source, &stats);
		assert_int_equal(stats.frames, 14);
		assert_int_equal(stats.bytes_done, bytes);
		assert_int_equal(stats.bytes_total, bytes);
		capture_source_free(&source);
	}
	for (f = 0; f < 5; f++)
		free(paths[f]);
}

/* More files than a small heap has; times that are often the same. */
static void
test_merge_many(void **state)
{
	enum { FILES = 20, FRAMES = 3 };
	uint32_t seconds[FILES][FRAMES], x = 1, f, i;
	struct capture_source *source;
	struct heard heard;
	char *paths[FILES];

	for (f = 0; f < FILES; f++) {
		struct built b = { 0 };
		char name[16];

		put_header(&b, MAGIC_US, 1);
		for (i = 0; i < FRAMES; i++) {
			x = x * 1664525 + 1013904223;
			seconds[f][i] = (i ? seconds[f][i - 1] : 0) + x % 16;
			put_frame(&b, seconds[f][i], 0, f << 8 | i, 20);
		}
		snprintf(name, sizeof name, "%u.pcap", f);
		paths[f] = write_file(state, name, &b, b.n);
	}
	source = open_files((const char *const *)paths, FILES);
	assert_int_equal(read_all(source, 7, &heard), 0);
	assert_int_equal(heard.frames, FILES * FRAMES);
	for (i = 1; i < heard.frames; i++) {
		uint32_t a = heard.numbers[i - 1], b = heard.numbers[i];
		uint32_t before = seconds[a >> 8][a & 0xff];
		uint32_t now = seconds[b >> 8][b & 0xff];

		assert_true(before < now || (before == now && a < b));
	}
	capture_source_free(&source);
	for (f = 0; f < FILES; f++)
		free(paths[f]);
}

/* Two of three are damaged: all that is good comes, then one error tells of
 * both. */
static void
test_merge_damaged(void **state)
{
	static const uint32_t expected[] = { 0, 2, 4, 5, 6 };
	struct capture_source *source;
	struct built b[3] = { 0 };
	struct heard heard;
	char *paths[3], *message;
	uint32_t f;

	for (f = 0; f < 3; f++) {
		char name[16];

		put_header(&b[f], MAGIC_US, 1);
		put_frame(&b[f], 10 + f, 0, 2 * f, 20);
		put_frame(&b[f], 20 + f, 0, 2 * f + 1, 20);
		if (f == 2)
			put_frame(&b[f], 30, 0, 6, 20);
		snprintf(name, sizeof name, "%u.pcap", f);
		paths[f] = write_file(state, name, &b[f],
				      f == 2 ? b[f].n : b[f].n - 4);
	}
	source = open_files((const char *const *)paths, 3);
	assert_int_equal(read_all(source, 2, &heard), -EBADMSG);
	assert_int_equal(heard.frames, 5);
	assert_memory_equal(heard.numbers, expected, sizeof expected);
	assert_true(asprintf(&message,
			     "%s: cut off or damaged after frame 1 (truncated "
			     "dump file; tried to read 20 captured bytes, only "
			     "got 16); %s: cut off or damaged after frame 1 "
			     "(truncated dump file; tried to read 20 captured "
			     "bytes, only got 16)",
			     paths[0], paths[1]) > 0);
	assert_string_equal(capture_source_error(source), message);
	free(message);
	capture_source_free(&source);
	for (f = 0; f < 3; f++)
		free(paths[f]);
}

/* One that cannot be opened: none is. */
static void
test_merge_refused(void **state)
{
	struct capture_source *source = NULL;
	char error[CAPTURE_ERROR_BYTES];
	struct built b = { 0 };
	char *good;

	put_header(&b, MAGIC_US, 1);
	good = write_file(state, "good.pcap", &b, b.n);
	assert_int_equal(
	    capture_file_open(&source,
			      (const char *const[]){ good, "/missing/x", good },
			      3, error),
	    -ENOENT);
	assert_null(source);
	assert_string_equal(error, "/missing/x: No such file or directory");
	free(good);
}

/* Messages of many damaged files are cut, not written past their room. */
static void
test_long_messages(void **state)
{
	const char *paths[100];
	struct capture_source *source;
	struct built b = { 0 };
	struct heard heard;
	char *path;
	size_t i;

	put_header(&b, MAGIC_US, 1);
	put_frame(&b, 10, 0, 0, 20);
	path = write_file(state, "cut.pcap", &b, b.n - 1);
	for (i = 0; i < 100; i++)
		paths[i] = path;
	source = open_files(paths, 100);
	assert_int_equal(read_all(source, 2, &heard), -EBADMSG);
	assert_int_equal(heard.frames, 0);
	assert_in_range(strlen(capture_source_error(source)),
			CAPTURE_ERROR_BYTES - 4, CAPTURE_ERROR_BYTES - 1);
	capture_source_free(&source);
	free(path);
}

static void
test_no_memory(void **state)
{
	struct capture_source *source = NULL;
	char error[CAPTURE_ERROR_BYTES];
	struct built b = { 0 };
	const char *paths[2];
	unsigned nth;
	char *path;
	int rc;

	put_header(&b, MAGIC_US, 1);
	path = write_file(state, "good.pcap", &b, b.n);
	paths[0] = paths[1] = path;
	for (nth = 1;; nth++) {
		testing_fail_allocation(nth);
		rc = capture_file_open(&source, paths, 2, error);
		testing_fail_allocation(0);
		if (rc == 0)
			break;
		assert_int_equal(rc, -ENOMEM);
		assert_null(source);
		assert_non_null(strstr(error, "out of memory"));
	}
	assert_int_equal(nth, 6);
	capture_source_free(&source);
	free(path);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_one_file),        TEST(test_nanoseconds),
		TEST(test_link_types),      TEST(test_pcapng),
		TEST(test_standard_input),  TEST(test_no_standard_input),
		TEST(test_reading_fails),   TEST(test_truncations),
		TEST(test_cut_message),     TEST(test_refused),
		TEST(test_unreadable),      TEST(test_unlike_interfaces),
		TEST(test_impossible_time), TEST(test_merge),
		TEST(test_merge_many),      TEST(test_merge_damaged),
		TEST(test_merge_refused),   TEST(test_long_messages),
		TEST(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
