/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SIP messages out of a stream of bytes.
 *
 * Nothing is looked at anew with every piece: the state keeps where the line
 * that is being read begins, up to where there is no end of it, and what the
 * lines before it said of the body. So a byte that comes alone costs the same
 * in a long message as in a short one. Nor do limits depend on pieces: however
 * a stream is cut, the same messages come out of it.
 */
#include <errno.h>
#include <string.h>

#include "sip/sip_priv.h"

enum {
	/* Longer lines are no first line of anything. */
	FIRST_LINE_MAX = 4096,
	/* A connection without a message in so many bytes is no SIP ... */
	FRESH_SEARCH_MAX = 64 << 10,
	/* ... and one that was, is no longer. */
	SEARCH_MAX = 1 << 20,
	/* Nobody sends longer messages: a length of more is a mistake, and what
	 * follows is not stepped over. */
	BODY_MAX = 1 << 20,
	HTTP_HEAD_MAX = 16 << 10
};

/* ---- bytes --------------------------------------------------------------- */

void
sip__consume(struct sip__input *in, uint32_t n)
{
	in->bytes += n;
	in->count -= n;
}

void
sip__stream_mode(struct sip__stream *s, enum sip__mode mode)
{
	s->mode = (uint8_t)mode;
	s->has = 0;
	s->doubt = s->mid_line = false;
	s->line = s->looked = s->length = s->need = s->odd = s->begins = 0;
}

void
sip__deliver(struct sip__input *in, const uint8_t *message, uint32_t n,
	     uint32_t missing_bytes)
{
	in->reader->counters->messages++;
	if (missing_bytes)
		in->reader->counters->cut++;
	in->s->known = true;
	*in->piece->keep = true;
	in->reader->fn(in->reader->ctx, in->piece, message, n, missing_bytes);
}

static bool
is_between(uint8_t c)
{
	return c == '\r' || c == '\n' || c == '\0';
}

/* Step over what may stand between messages. */
static void
skip_between(struct sip__input *in)
{
	uint32_t n = 0;

	while (n < in->count && is_between(in->bytes[n]))
		n++;
	if (n == 0)
		return;
	sip__consume(in, n);
	in->reader->counters->keepalives++;
}

/*
 * The line that is being read.
 *
 * @param line without its end
 * @return its length with its end; 0: the end is not there yet
 */
static uint32_t
whole_line(struct sip__input *in, struct sip_text *line)
{
	struct sip__stream *s = in->s;
	const uint8_t *begin = in->bytes + s->line, *end = NULL;
	uint32_t n;

	if (s->looked < in->count)
		end =
		    memchr(in->bytes + s->looked, '\n', in->count - s->looked);
	s->looked = end ? (uint32_t)(end - in->bytes) + 1 : in->count;
	if (!end)
		return 0;
	n = s->looked - s->line;
	*line = (struct sip_text){ (const char *)begin, n - 1 };
	if (line->n && line->p[line->n - 1] == '\r')
		line->n--;
	return n;
}

/* Does it belong to the line before (RFC 3261 section 7.3.1)? */
static bool
is_folded(struct sip_text line)
{
	return line.n > 0 && (line.p[0] == ' ' || line.p[0] == '\t');
}

/* What stands behind a blank is part of a text, and no end of one is before. */
static bool
follows_blank(struct sip_text line, size_t at)
{
	return at > 0 && (line.p[at - 1] == ' ' || line.p[at - 1] == '\t');
}

static bool
is_of_name(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

/* Name and colon (RFC 3261 section 7.3). */
static bool
is_header(struct sip_text line)
{
	size_t i = 0;

	while (i < line.n && is_of_name(line.p[i]))
		i++;
	while (i > 0 && i < line.n && (line.p[i] == ' ' || line.p[i] == '\t'))
		i++;
	return i > 0 && i < line.n && line.p[i] == ':';
}

static void
drop_all(struct sip__input *in)
{
	in->reader->counters->junk += in->count;
	sip__consume(in, in->count);
}

/* ---- the first bytes ----------------------------------------------------- */

static bool
begins_like_http(struct sip_text line)
{
	return sip__text_begins(line, SIP_TEXT("GET ")) ||
	       sip__text_begins(line, SIP_TEXT("HTTP/1.1 101"));
}

/* Could this become a first line? METHOD SP, or SIP/2.0 SP, or HTTP. */
static bool
may_begin(const struct sip__input *in)
{
	uint32_t i = 0;

	while (i < in->count && in->bytes[i] > ' ' && in->bytes[i] < 0x7f)
		if (++i > SIP_METHOD_BYTES_MAX)
			return false;
	return i == in->count || (i > 0 && in->bytes[i] == ' ');
}

/* Where a hole cuts the first lines, what comes behind it will tell. */
static enum sip__step
wait_or_begin_again(struct sip__input *in)
{
	if (in->piece->last) {
		sip__consume(in, in->count);
		sip__stream_mode(in->s, SIP_MODE_FRESH);
	}
	return SIP_STEP_WAIT;
}

static enum sip__step
fresh_step(struct sip__input *in)
{
	struct sip__stream *s = in->s;
	struct sip_text line;
	bool response;

	if (s->line == 0 && s->looked == 0)
		skip_between(in);
	if (in->count == 0)
		return SIP_STEP_WAIT;
	if (!whole_line(in, &line) && in->count <= FIRST_LINE_MAX)
		return may_begin(in) ? wait_or_begin_again(in)
				     : SIP_STEP_NOT_SIP;
	if (s->looked > FIRST_LINE_MAX)
		return SIP_STEP_NOT_SIP;
	if (sip__is_start_line(line, &response))
		sip__stream_mode(s, SIP_MODE_MESSAGE);
	else if (begins_like_http(line))
		sip__stream_mode(s, SIP_MODE_HTTP);
	else
		return SIP_STEP_NOT_SIP;
	return SIP_STEP_ON;
}

/* ---- heads --------------------------------------------------------------- */

/*
 * Where in a line may a message begin that is searched for? A body in front of
 * it may have no end of line of its own ("</xml>BYE sip:..."): of a request
 * CSeq tells later how much of the line is the method.
 *
 * @return offset, or -1
 */
static int64_t
search_line(struct sip_text line)
{
	static const char version[] = " SIP/2.0";
	const size_t n = sizeof(version) - 1;
	struct sip_text text = sip__text_trim(line);
	const char *at = line.p, *found = NULL, *end = line.p + line.n;
	bool response;

	/* A header that speaks of a message. */
	if (is_header(line))
		return -1;
	while ((at = memmem(at, (size_t)(end - at), version + 1, n - 1))) {
		const char *begin = at;

		at += n - 1;
		if (!follows_blank(line, (size_t)(begin - line.p)) &&
		    end - at >= 4 && at[0] == ' ' && at[1] >= '1' &&
		    at[1] <= '6')
			found = begin;
	}
	if (found)
		return found - line.p;
	if (text.n > n && memchr(text.p, ':', text.n - n) &&
	    memcmp(text.p + text.n - n, version, n) == 0)
		return 0;
	return sip__is_start_line(line, &response) ? 0 : -1;
}

/* @param doubt it is searched for @return where a message begins, or -1 */
static int64_t
begins_in_line(struct sip_text line, bool doubt)
{
	bool response;

	if (doubt)
		return search_line(line);
	return sip__is_start_line(line, &response) ? 0 : -1;
}

/*
 * CSeq names the method (RFC 3261 section 8.1.1.5). What was searched for and
 * found only in part, or behind something else, is told by that.
 *
 * @return does its first line have it? `begins` is where
 */
static bool
find_method(struct sip__input *in, struct sip_text method)
{
	struct sip_text text = { (const char *)in->bytes, in->s->looked };
	struct sip_text line, rest;
	bool response = false;
	uint32_t at;

	if (!sip__text_line(&text, &line) || method.n == 0 ||
	    method.n > SIP_METHOD_BYTES_MAX)
		return false;
	for (at = 0; at + method.n < line.n; at++) {
		rest = (struct sip_text){ line.p + at, line.n - at };
		if (rest.p[method.n] != ' ' ||
		    memcmp(rest.p, method.p, method.n) != 0 ||
		    follows_blank(line, at))
			continue;
		if (sip__is_start_line(rest, &response) && !response) {
			in->s->begins = at;
			return true;
		}
	}
	rest =
	    (struct sip_text){ line.p + in->s->begins, line.n - in->s->begins };
	return sip__is_start_line(rest, &response) && response;
}

static void
read_cseq(struct sip__input *in, struct sip_text value)
{
	struct sip__stream *s = in->s;
	size_t digits;
	uint32_t number;

	/* Only the first, lest many cost much. */
	if (!s->doubt || (s->has & (SIP_HAS_CSEQ | SIP_HAS_OTHER_CSEQ)))
		return;
	value = sip__text_trim(value);
	digits = sip__text_number(value, &number);
	value = (struct sip_text){ value.p + digits, value.n - digits };
	s->has |= find_method(in, sip__text_trim(value)) ? SIP_HAS_CSEQ
							 : SIP_HAS_OTHER_CSEQ;
}

static void
read_length(struct sip__stream *s, struct sip_text value)
{
	value = sip__text_trim(value);
	s->has &= (uint16_t)~SIP_HAS_LENGTH_BEGUN;
	if (value.n == 0)
		s->has |= SIP_HAS_LENGTH_BEGUN;
	else if (sip__text_number(value, &s->length))
		s->has |= SIP_HAS_LENGTH;
}

static void
read_header(struct sip__input *in, struct sip_text line)
{
	struct sip__stream *s = in->s;
	struct sip_text value, name;

	if (is_folded(line)) {
		if (s->has & SIP_HAS_LENGTH_BEGUN)
			read_length(s, line);
		return;
	}
	s->has &= (uint16_t)~SIP_HAS_LENGTH_BEGUN;
	name = sip__text_trim(sip__text_cut(line, ':', &value));
	if (!value.p || name.n == 0)
		return;
	if (sip__text_same(name, SIP_TEXT("content-length")) ||
	    sip__text_same(name, SIP_TEXT("l"))) {
		if (!(s->has & SIP_HAS_LENGTH))
			read_length(s, value);
	} else if (sip__text_same(name, SIP_TEXT("content-type")) ||
		   sip__text_same(name, SIP_TEXT("c"))) {
		s->has |= SIP_HAS_TYPE;
	} else if (sip__text_same(name, SIP_TEXT("via")) ||
		   sip__text_same(name, SIP_TEXT("v"))) {
		s->has |= SIP_HAS_VIA;
	} else if (sip__text_same(name, SIP_TEXT("call-id")) ||
		   sip__text_same(name, SIP_TEXT("i"))) {
		s->has |= SIP_HAS_CALL_ID;
	} else if (sip__text_same(name, SIP_TEXT("cseq"))) {
		read_cseq(in, value);
	} else if (sip__text_same(name, SIP_TEXT("upgrade")) &&
		   sip__text_has(value, SIP_TEXT("websocket"))) {
		s->has |= SIP_HAS_UPGRADE;
	} else if (sip__text_same(name, SIP_TEXT("sec-websocket-protocol")) &&
		   sip__text_has(value, SIP_TEXT("sip"))) {
		s->has |= SIP_HAS_PROTOCOL;
	}
}

/* What was searched for and begins like a message is one if it has these. */
static bool
is_believable(const struct sip__stream *s)
{
	const uint16_t all = SIP_HAS_VIA | SIP_HAS_CALL_ID | SIP_HAS_CSEQ;

	return !s->doubt || (s->has & all) == all;
}

bool
sip__count_junk(struct sip__input *in, uint32_t n)
{
	struct sip__stream *s = in->s;

	sip__consume(in, n);
	s->looked -= n < s->looked ? n : s->looked;
	s->odd += n;
	if (s->known)
		in->reader->counters->junk += n;
	return s->odd <= (s->known ? SEARCH_MAX : FRESH_SEARCH_MAX);
}

/* The head is whole: what follows it? */
static enum sip__step
end_of_head(struct sip__input *in)
{
	struct sip__stream *s = in->s;
	uint32_t head, odd;

	if (is_believable(s) && s->begins && !sip__count_junk(in, s->begins))
		return SIP_STEP_NOT_SIP;
	head = s->looked;
	if (!is_believable(s)) {
		odd = s->odd;
		sip__stream_mode(s, SIP_MODE_SEARCH);
		s->odd = odd;
		return sip__count_junk(in, head) ? SIP_STEP_ON
						 : SIP_STEP_NOT_SIP;
	}
	s->line = head;
	if (!(s->has & SIP_HAS_LENGTH) && (s->has & SIP_HAS_TYPE)) {
		s->mode = SIP_MODE_OPEN;
		return SIP_STEP_ON;
	}
	if (s->length > UINT32_MAX - head)
		s->length = UINT32_MAX - head;
	s->need = head + s->length;
	s->mode = SIP_MODE_BODY;
	return SIP_STEP_ON;
}

/* In the middle of a head nothing more will come. */
static enum sip__step
give_up_head(struct sip__input *in)
{
	in->reader->counters->holes++;
	drop_all(in);
	sip__stream_mode(in->s, SIP_MODE_MESSAGE);
	return SIP_STEP_WAIT;
}

static enum sip__step
search_on(struct sip__input *in)
{
	struct sip__stream *s = in->s;
	uint32_t odd = s->odd;

	sip__stream_mode(s, SIP_MODE_SEARCH);
	s->odd = odd;
	return SIP_STEP_ON;
}

/* As much of it as is certain to be of one head goes, and no more, for what
 * follows may be more of it or not. */
static enum sip__step
too_long(struct sip__input *in)
{
	struct sip__stream *s = in->s;
	uint32_t n = in->count;

	if (n > SIP_STREAM_MESSAGE_MAX)
		n = SIP_STREAM_MESSAGE_MAX;
	if (!s->doubt)
		in->reader->counters->over_limit++;
	search_on(in);
	return sip__count_junk(in, n) ? SIP_STEP_ON : SIP_STEP_NOT_SIP;
}

/* A message begins in this line, at offset `at` of it. What was before it is
 * no message. @return false: enough of that */
static bool
begin_head(struct sip__input *in, uint32_t at)
{
	struct sip__stream *s = in->s;

	if (s->line > 0 && !sip__count_junk(in, s->line))
		return false;
	s->has = 0;
	s->length = 0;
	s->begins = at;
	return true;
}

static enum sip__step
message_step(struct sip__input *in)
{
	struct sip__stream *s = in->s;
	struct sip_text line;

	if (s->line == 0 && s->looked == 0)
		skip_between(in);
	while (whole_line(in, &line)) {
		int64_t at = -1;

		if (s->looked > SIP_STREAM_MESSAGE_MAX)
			return too_long(in);
		if (s->line > 0 && line.n == 0)
			return end_of_head(in);
		/* Where it was searched for, a head may have no end. */
		if (s->line == 0 || (s->doubt && !is_folded(line)))
			at = begins_in_line(line, s->doubt);
		if (at < 0 && s->line == 0)
			return search_on(in);
		if (at < 0)
			read_header(in, line);
		else if (!begin_head(in, (uint32_t)at))
			return SIP_STEP_NOT_SIP;
		s->line = s->looked;
	}
	if (in->count > SIP_STREAM_MESSAGE_MAX || in->piece->full)
		return too_long(in);
	if (in->piece->last && in->count > 0)
		return give_up_head(in);
	return SIP_STEP_WAIT;
}

/* ---- bodies -------------------------------------------------------------- */

static enum sip__step
body_step(struct sip__input *in)
{
	struct sip__stream *s = in->s;
	uint32_t most = s->need, n;

	if (most > SIP_STREAM_MESSAGE_MAX)
		most = SIP_STREAM_MESSAGE_MAX;
	if (in->count < most && !in->piece->last)
		return SIP_STEP_WAIT;
	n = in->count < most ? in->count : most;
	if (s->need > most)
		in->reader->counters->over_limit++;
	sip__deliver(in, in->bytes, n, s->need - n);
	if (n == most && s->need > BODY_MAX) {
		sip__consume(in, n);
		return search_on(in);
	}
	if (n == most)
		s->skip = s->need - most;
	sip__consume(in, n);
	sip__stream_mode(s, SIP_MODE_MESSAGE);
	return SIP_STEP_ON;
}

static enum sip__step
open_body_step(struct sip__input *in)
{
	struct sip__stream *s = in->s;
	uint32_t end = 0;
	struct sip_text line;
	bool response, cut;

	while (end == 0 && whole_line(in, &line) &&
	       s->looked <= SIP_STREAM_MESSAGE_MAX) {
		if (sip__is_start_line(line, &response))
			end = s->line;
		s->line = s->looked;
	}
	if (end == 0 && in->count > SIP_STREAM_MESSAGE_MAX) {
		in->reader->counters->over_limit++;
		end = SIP_STREAM_MESSAGE_MAX;
	}
	if (end == 0 && (in->piece->last || in->piece->quiet))
		end = in->count;
	if (end == 0)
		return SIP_STEP_WAIT;
	/* A line without end at the end of all: a hole may have cut it. */
	cut = in->piece->last && end == in->count && in->bytes[end - 1] != '\n';
	sip__deliver(in, in->bytes, end, cut);
	sip__consume(in, end);
	sip__stream_mode(s, SIP_MODE_MESSAGE);
	return SIP_STEP_ON;
}

/* ---- search -------------------------------------------------------------- */

/*
 * Of a line that is longer than a first line the end may be one. What is left
 * of it does not depend on the pieces it came in.
 */
static bool
shorten_line(struct sip__input *in, uint32_t n)
{
	const uint32_t half = FIRST_LINE_MAX / 2;

	in->s->looked = 0;
	in->s->mid_line = true;
	return sip__count_junk(in,
			       (n - FIRST_LINE_MAX + half - 1) / half * half);
}

/* Does what came last begin with SIP in WebSocket? A frame begins where a
 * segment does, nearly always. */
static bool
begins_websocket(struct sip__input *in)
{
	struct sip__stream *s = in->s;

	if (s->known || !sip__websocket_begins(in->bytes + s->looked,
					       in->count - s->looked))
		return false;
	sip__consume(in, s->looked);
	sip__stream_mode(s, SIP_MODE_WEBSOCKET);
	return true;
}

static enum sip__step
search_step(struct sip__input *in)
{
	struct sip__stream *s = in->s;
	struct sip_text line;
	bool go_on = true;
	uint32_t n;

	if (begins_websocket(in))
		return SIP_STEP_ON;
	while (go_on) {
		if (s->looked == 0 && !s->mid_line)
			skip_between(in);
		n = whole_line(in, &line);
		if (s->looked > FIRST_LINE_MAX) {
			go_on = shorten_line(in, s->looked);
		} else if (n == 0) {
			break;
		} else if (search_line(line) >= 0) {
			uint32_t odd = s->odd;

			sip__stream_mode(s, SIP_MODE_MESSAGE);
			s->doubt = true;
			s->odd = odd;
			return SIP_STEP_ON;
		} else if (!s->known && !s->mid_line &&
			   begins_like_http(line)) {
			sip__stream_mode(s, SIP_MODE_HTTP);
			return SIP_STEP_ON;
		} else {
			s->mid_line = false;
			go_on = sip__count_junk(in, n);
		}
	}
	if (go_on && in->piece->last)
		go_on = sip__count_junk(in, in->count);
	return go_on ? SIP_STEP_WAIT : SIP_STEP_NOT_SIP;
}

/* ---- upgrade ------------------------------------------------------------- */

static enum sip__step
http_step(struct sip__input *in)
{
	struct sip__stream *s = in->s;
	struct sip_text line;

	while (whole_line(in, &line)) {
		if (s->looked > HTTP_HEAD_MAX)
			return SIP_STEP_NOT_SIP;
		if (line.n == 0) {
			if (!(s->has & SIP_HAS_UPGRADE))
				return SIP_STEP_NOT_SIP;
			/* Else its messages will tell. */
			if (s->has & SIP_HAS_PROTOCOL)
				s->known = *in->piece->keep = true;
			sip__consume(in, s->looked);
			sip__stream_mode(s, SIP_MODE_WEBSOCKET);
			return SIP_STEP_ON;
		}
		read_header(in, line);
		s->line = s->looked;
	}
	if (in->count > HTTP_HEAD_MAX)
		return SIP_STEP_NOT_SIP;
	return wait_or_begin_again(in);
}

/* ---- all of it ----------------------------------------------------------- */

static enum sip__step
skip_step(struct sip__input *in)
{
	uint32_t n =
	    in->s->skip < in->count ? (uint32_t)in->s->skip : in->count;

	in->s->skip -= n;
	sip__consume(in, n);
	return in->s->skip ? SIP_STEP_WAIT : SIP_STEP_ON;
}

static enum sip__step
step(struct sip__input *in)
{
	if (in->s->skip)
		return skip_step(in);
	switch ((enum sip__mode)in->s->mode) {
	case SIP_MODE_FRESH:
		return fresh_step(in);
	case SIP_MODE_MESSAGE:
		return message_step(in);
	case SIP_MODE_BODY:
		return body_step(in);
	case SIP_MODE_OPEN:
		return open_body_step(in);
	case SIP_MODE_SEARCH:
		return search_step(in);
	case SIP_MODE_HTTP:
		return http_step(in);
	case SIP_MODE_WEBSOCKET:
		return sip__websocket_step(in);
	case SIP_MODE_WEBSOCKET_SEARCH:
		return sip__websocket_search(in);
	}
	return SIP_STEP_NOT_SIP;
}

/* Bytes are missing: in what way does it go on? */
static void
begin_after_gap(struct sip__input *in)
{
	struct sip__stream *s = in->s;

	s->skip = 0;
	if (s->mode == SIP_MODE_WEBSOCKET ||
	    s->mode == SIP_MODE_WEBSOCKET_SEARCH)
		sip__stream_mode(s, SIP_MODE_WEBSOCKET_SEARCH);
	else
		sip__stream_mode(s, SIP_MODE_SEARCH);
}

int64_t
sip_stream_input(const struct capture_tcp_piece *piece,
		 const struct sip_stream_reader *reader)
{
	struct sip__input in = {
		.piece = piece,
		.reader = reader,
		.s = piece->reader,
		.bytes = piece->bytes,
		.count = piece->count,
	};
	enum sip__step went = SIP_STEP_ON;

	if (piece->gap)
		begin_after_gap(&in);
	while (went == SIP_STEP_ON && in.count > 0)
		went = step(&in);
	if (went == SIP_STEP_NOT_SIP)
		return CAPTURE_TCP_IGNORE;
	return piece->count - in.count;
}
