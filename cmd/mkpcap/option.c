/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The two statements with many options: a message of a call, and an RTP
 * stream. An option is a word; what follows it is read by a function.
 */
#include <errno.h>
#include <string.h>

#include "cmd/mkpcap/mkpcap_priv.h"

/* ---- at TIME CALL MESSAGE ... -------------------------------------------- */

static const char *const methods[] = { "INVITE",   "ACK",     "BYE",
				       "CANCEL",   "PRACK",   "UPDATE",
				       "INFO",     "OPTIONS", "REFER",
				       "MESSAGE",  "NOTIFY",  "SUBSCRIBE",
				       "REGISTER", "PUBLISH" };

/* RFC 3261 section 21, those that a script is likely to name. */
static const struct {
	const char *word;
	uint32_t status;
	const char *reason;
} statuses[] = {
	{ "trying", 100, "Trying" },
	{ "ringing", 180, "Ringing" },
	{ "progress", 183, "Session Progress" },
	{ "ok", 200, "OK" },
	{ "accepted", 202, "Accepted" },
	{ "moved", 302, "Moved Temporarily" },
	{ "unauthorized", 401, "Unauthorized" },
	{ "missing", 404, "Not Found" },
	{ "proxy-auth", 407, "Proxy Authentication Required" },
	{ "unavailable", 480, "Temporarily Unavailable" },
	{ "gone", 481, "Call/Transaction Does Not Exist" },
	{ "busy", 486, "Busy Here" },
	{ "terminated", 487, "Request Terminated" },
	{ "unacceptable", 488, "Not Acceptable Here" },
	{ "pending", 491, "Request Pending" },
	{ "error", 500, "Server Internal Error" },
	{ "overloaded", 503, "Service Unavailable" },
	{ "declined", 603, "Decline" },
};

/* A method in small letters, or NULL. */
static const char *
method_find(const struct mkpcap_text *word)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		const char *method = methods[i];
		uint32_t n = 0;

		while (n < word->n && method[n] &&
		       word->p[n] == (method[n] | 32))
			n++;
		if (n == word->n && !method[n])
			return method;
	}
	return NULL;
}

static bool
status_find(const struct mkpcap_text *word, struct mkpcap_step *step)
{
	uint32_t number = 0;

	if (word->n == 3)
		for (uint32_t i = 0; i < 3; i++)
			number = number * 10 + (uint32_t)(word->p[i] - '0');
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		if (!mkpcap__is(word, statuses[i].word) &&
		    number != statuses[i].status)
			continue;
		step->status = statuses[i].status;
		step->reason.p = statuses[i].reason;
		step->reason.n = (uint32_t)strlen(statuses[i].reason);
		return true;
	}
	for (uint32_t i = 0; i < word->n; i++)
		if (word->p[i] < '0' || word->p[i] > '9')
			return false;
	step->status = number;
	step->reason = (struct mkpcap_text){ "Status", 6 };
	return number >= 100 && number <= 699;
}

static int
option_codecs(struct mkpcap_line *line, struct mkpcap_sdp *sdp)
{
	struct mkpcap_text list, name;
	int rc = mkpcap__word(line, "a codec", &list);

	while (rc == 0) {
		const char *comma = memchr(list.p, ',', list.n);

		name = list;
		if (comma)
			name.n = (uint32_t)(comma - list.p);
		if (sdp->codecs_count == MKPCAP_CODECS_MAX)
			return mkpcap__fail(line, "more than %d codecs",
					    MKPCAP_CODECS_MAX);
		rc = mkpcap__codec(line, &name,
				   &sdp->codecs[sdp->codecs_count++]);
		if (!comma)
			break;
		list.n -= name.n + 1;
		list.p = comma + 1;
	}
	return rc;
}

static int
option_crypto(struct mkpcap_line *line, struct mkpcap_sdp *sdp)
{
	if (sdp->crypto_count == MKPCAP_CRYPTO_MAX)
		return mkpcap__fail(line, "more than %d keys",
				    MKPCAP_CRYPTO_MAX);
	return mkpcap__word(line, "what follows a=crypto: in quotes",
			    &sdp->crypto[sdp->crypto_count++]);
}

static bool
option_direction(struct mkpcap_line *line, struct mkpcap_sdp *sdp)
{
	static const struct {
		const char *word;
		enum mkpcap_direction direction;
	} words[] = {
		{ "sendrecv", MKPCAP_SENDRECV }, { "resume", MKPCAP_SENDRECV },
		{ "sendonly", MKPCAP_SENDONLY }, { "hold", MKPCAP_SENDONLY },
		{ "recvonly", MKPCAP_RECVONLY }, { "held", MKPCAP_RECVONLY },
		{ "inactive", MKPCAP_INACTIVE },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (mkpcap__accept(line, words[i].word)) {
			sdp->present = true;
			sdp->directed = true;
			sdp->direction = words[i].direction;
			return true;
		}
	}
	return false;
}

/* What is said of media. 1: an option was read, 0: it is none of these. */
static int
option_sdp(struct mkpcap_line *line, struct mkpcap_sdp *sdp)
{
	int rc;

	if (option_direction(line, sdp))
		return 1;
	if (mkpcap__accept(line, "rtp")) {
		sdp->ported = true;
		rc = mkpcap__port(line, &sdp->port);
	} else if (mkpcap__accept(line, "codec"))
		rc = option_codecs(line, sdp);
	else if (mkpcap__accept(line, "address"))
		rc = mkpcap__word(line, "an address", &sdp->address);
	else if (mkpcap__accept(line, "crypto"))
		rc = option_crypto(line, sdp);
	else if (mkpcap__accept(line, "sdp"))
		rc = 0;
	else
		return 0;
	sdp->present = true;
	return rc ? rc : 1;
}

static int
option_side(struct mkpcap_line *line, enum mkpcap_side *side)
{
	*side = MKPCAP_CALLEE;
	if (mkpcap__accept(line, "callee"))
		return 0;
	*side = MKPCAP_CALLER;
	return mkpcap__expect(line, "caller");
}

/* A word in which other calls may be named: {CALL.id} */
static int
option_text(struct mkpcap_line *line, const char *what,
	    struct mkpcap_text *text)
{
	struct mkpcap_reference reference;
	struct mkpcap_text rest;
	int rc = mkpcap__word(line, what, text);

	if (rc)
		return rc;
	for (rest = *text; rest.n; rest.n--, rest.p++) {
		const struct mkpcap_word *word = &line->words[line->next - 1];
		uint32_t column =
		    word->column + word->quoted + (uint32_t)(rest.p - text->p);

		if (*rest.p != '{')
			continue;
		rc = mkpcap__reference(line->script, &rest, &reference);
		if (rc > 0)
			continue;
		mkpcap__error(line->errors, word->line, column,
			      rc == -ENOENT
				  ? "there is no call of this name above"
				  : "another call is named as {CALL.id}, "
				    "{CALL.caller} or {CALL.callee}");
		return -EINVAL;
	}
	return 0;
}

static int
option_header(struct mkpcap_line *line, struct mkpcap_step *step)
{
	if (step->headers_count == MKPCAP_HEADERS_MAX)
		return mkpcap__fail(line, "more than %d headers",
				    MKPCAP_HEADERS_MAX);
	return option_text(line, "a header line in quotes",
			   &step->headers[step->headers_count++]);
}

static int
option_answered(struct mkpcap_line *line, struct mkpcap_step *step)
{
	struct mkpcap_text word;
	int rc = mkpcap__word(line, "a method", &word);

	if (rc)
		return rc;
	step->method = method_find(&word);
	if (!step->method)
		return mkpcap__fail(line, "\"%.*s\" is no method", (int)word.n,
				    word.p);
	return 0;
}

static int
step_option(struct mkpcap_line *line, struct mkpcap_step *step)
{
	int rc = option_sdp(line, &step->sdp);

	if (rc)
		return rc < 0 ? rc : 0;
	if (mkpcap__accept(line, "again")) {
		step->again = true;
		return 0;
	}
	if (mkpcap__accept(line, "unterminated")) {
		step->unterminated = true;
		return 0;
	}
	if (mkpcap__accept(line, "header"))
		return option_header(line, step);
	if (mkpcap__accept(line, "tag"))
		return mkpcap__word(line, "a tag", &step->tag);
	if (mkpcap__accept(line, "delay"))
		return mkpcap__duration(line, "the delay", &step->delay_ns);
	if (mkpcap__accept(line, "body"))
		return mkpcap__word(line, "the type of the body",
				    &step->body_type);
	if (step->what == MKPCAP_REQUEST && mkpcap__accept(line, "uri"))
		return option_text(line, "a Request-URI", &step->uri);
	if (mkpcap__accept(line, "from")) {
		step->sided = true;
		return option_side(line, &step->side);
	}
	if (step->what == MKPCAP_RESPONSE && mkpcap__accept(line, "to"))
		return option_answered(line, step);
	line->next++;
	return mkpcap__fail(line, "there is no option \"%.*s\" here",
			    (int)line->words[line->next - 1].text.n,
			    line->words[line->next - 1].text.p);
}

int
mkpcap__step_options(struct mkpcap_line *line, struct mkpcap_step *step)
{
	struct mkpcap_text word;
	int rc = mkpcap__word(line, "a message", &word);

	if (rc)
		return rc;
	step->method = method_find(&word);
	step->what = step->method ? MKPCAP_REQUEST : MKPCAP_RESPONSE;
	if (!step->method && !status_find(&word, step))
		return mkpcap__fail(line,
				    "\"%.*s\" is neither a method "
				    "(invite, bye) nor a status "
				    "(ringing, 486)",
				    (int)word.n, word.p);
	if (step->what == MKPCAP_RESPONSE && line->next < line->count &&
	    line->words[line->next].quoted)
		step->reason = line->words[line->next++].text;
	while (rc == 0 && line->next < line->count)
		rc = step_option(line, step);
	if (rc == 0 && step->body_type.n && !step->block.n)
		rc = mkpcap__fail(line, "lines that begin with \"|\" must "
					"follow: the body");
	return rc;
}

/* ---- media CALL SIDE ... ------------------------------------------------- */

/* 440 then 660 at 5.0 then 0 at 8.0 */
static int
option_tone(struct mkpcap_line *line, struct mkpcap_media *media)
{
	int64_t at_ns = INT64_MIN;
	uint64_t hz;
	int rc;

	for (;;) {
		rc = mkpcap__number(line, "a frequency", 3999, &hz);
		if (rc)
			return rc;
		if (at_ns != INT64_MIN || media->tones_count) {
			rc = mkpcap__expect(line, "at");
			if (rc == 0)
				rc = mkpcap__duration(line, "the time", &at_ns);
			if (rc)
				return rc;
		}
		if (media->tones_count == MKPCAP_TONES_MAX)
			return mkpcap__fail(line, "more than %d tones",
					    MKPCAP_TONES_MAX);
		media->tones[media->tones_count].at_ns = at_ns;
		media->tones[media->tones_count++].hz = (uint32_t)hz;
		if (!mkpcap__accept(line, "then"))
			return 0;
	}
}

/* d1a7 then 55 at 5.0 */
static int
option_pattern(struct mkpcap_line *line, struct mkpcap_media *media)
{
	int64_t at_ns = INT64_MIN;
	struct mkpcap_text hex;
	int rc;

	for (;;) {
		rc = mkpcap__hex(line, &hex);
		if (rc == 0 && (!hex.n || hex.n > 2 * MKPCAP_PATTERN_MAX))
			rc = mkpcap__fail(line, "a pattern is 1 to %d bytes",
					  MKPCAP_PATTERN_MAX);
		if (rc == 0 && media->patterns_count) {
			rc = mkpcap__expect(line, "at");
			if (rc == 0)
				rc = mkpcap__duration(line, "the time", &at_ns);
		}
		if (rc)
			return rc;
		if (media->patterns_count == MKPCAP_TONES_MAX)
			return mkpcap__fail(line, "more than %d patterns",
					    MKPCAP_TONES_MAX);
		media->patterns[media->patterns_count].at_ns = at_ns;
		media->patterns[media->patterns_count++].hex = hex;
		if (!mkpcap__accept(line, "then"))
			return 0;
	}
}

static int
option_span(struct mkpcap_line *line, int64_t *from_ns, int64_t *to_ns)
{
	int rc;

	if ((rc = mkpcap__duration(line, "the begin", from_ns)) ||
	    (rc = mkpcap__expect(line, "to")) ||
	    (rc = mkpcap__duration(line, "the end", to_ns)))
		return rc;
	if (*to_ns <= *from_ns)
		return mkpcap__fail(line, "the end is not after the begin");
	return 0;
}

static int
option_pause(struct mkpcap_line *line, struct mkpcap_media *media)
{
	uint32_t i = media->pauses_count;

	if (i == MKPCAP_TONES_MAX)
		return mkpcap__fail(line, "more than %d pauses",
				    MKPCAP_TONES_MAX);
	media->pauses_count++;
	return option_span(line, &media->pauses[i].from_ns,
			   &media->pauses[i].to_ns);
}

static int
option_digit(struct mkpcap_line *line, struct mkpcap_media *media)
{
	static const char events[] = "0123456789*#ABCD";
	uint32_t i = media->digits_count;
	const char *event = NULL;
	struct mkpcap_text word;
	int rc = mkpcap__word(line, "a digit", &word);

	if (rc)
		return rc;
	if (word.n == 1 && word.p[0])
		event = strchr(events, word.p[0]);
	if (!event)
		return mkpcap__fail(line, "a digit is one of %s", events);
	if (i == MKPCAP_DIGITS_MAX)
		return mkpcap__fail(line, "more than %d digits",
				    MKPCAP_DIGITS_MAX);
	media->digits_count++;
	media->digits[i].event = (uint8_t)(event - events);
	media->digits[i].heard = mkpcap__accept(line, "heard");
	rc = mkpcap__expect(line, "at");
	if (rc == 0)
		rc =
		    mkpcap__duration(line, "the time", &media->digits[i].at_ns);
	return rc;
}

static int
option_ptime(struct mkpcap_line *line, struct mkpcap_media *media)
{
	uint64_t ms;
	int rc = mkpcap__number(line, "the packet time in ms", 200, &ms);

	if (rc)
		return rc;
	if (ms < 5)
		return mkpcap__fail(line, "a packet takes 5 to 200 ms");
	media->ptime_ns = (int64_t)ms * MS_NS;
	return 0;
}

static int
option_late(struct mkpcap_line *line, struct mkpcap_media *media)
{
	int rc = mkpcap__pick(line, &media->late);

	if (rc == 0)
		rc = mkpcap__expect(line, "by");
	if (rc == 0)
		rc = mkpcap__duration(line, "the delay", &media->late_by_ns);
	return rc;
}

static int
option_media_codec(struct mkpcap_line *line, struct mkpcap_media *media)
{
	struct mkpcap_text word;
	int rc = mkpcap__word(line, "a codec", &word);

	if (rc == 0)
		rc = mkpcap__codec(line, &word, &media->codec);
	if (rc == 0 && !mkpcap__is(&word, "PCMA") && !mkpcap__is(&word, "PCMU"))
		rc = mkpcap__fail(line, "only PCMA and PCMU can be made");
	return rc;
}

/* "1 AES_CM_128_HMAC_SHA1_80 inline:..." then "..." at 5.0 */
static int
option_srtp(struct mkpcap_line *line, struct mkpcap_media *media)
{
	int64_t at_ns = INT64_MIN;
	struct mkpcap_text text;
	int rc;

	do {
		rc = mkpcap__word(line, "a key, as after a=crypto: in quotes",
				  &text);
		if (rc == 0 && mkpcap__crypto(&text, NULL))
			rc = mkpcap__fail(line, "this is no key of a suite "
						"that is supported");
		if (rc == 0 && media->crypto_count) {
			rc = mkpcap__expect(line, "at");
			if (rc == 0)
				rc = mkpcap__duration(line, "the time", &at_ns);
		}
		if (rc)
			return rc;
		if (media->crypto_count == MKPCAP_CRYPTO_MAX)
			return mkpcap__fail(line, "more than %d keys",
					    MKPCAP_CRYPTO_MAX);
		media->crypto[media->crypto_count].at_ns = at_ns;
		media->crypto[media->crypto_count++].text = text;
	} while (mkpcap__accept(line, "then"));
	return 0;
}

static int
option_rollovers(struct mkpcap_line *line, struct mkpcap_media *media)
{
	uint64_t number;
	int rc = mkpcap__number(line, "a number", 1000, &number);

	media->rollovers = (uint32_t)number;
	return rc;
}

/* Numbers of the first packet. */
static int
option_first(struct mkpcap_line *line, struct mkpcap_media *media,
	     const char *name, uint64_t max)
{
	uint64_t number;
	int rc = mkpcap__number(line, name, max, &number);

	if (rc)
		return rc;
	if (strcmp(name, "ssrc") == 0) {
		media->has_ssrc = true;
		media->ssrc = (uint32_t)number;
	} else if (strcmp(name, "seq") == 0) {
		media->has_seq = true;
		media->seq = (uint16_t)number;
	} else {
		media->has_ts = true;
		media->ts = (uint32_t)number;
	}
	return 0;
}

static int
media_option(struct mkpcap_line *line, struct mkpcap_media *media)
{
	if (mkpcap__accept(line, "tone"))
		return option_tone(line, media);
	if (mkpcap__accept(line, "pattern"))
		return option_pattern(line, media);
	if (mkpcap__accept(line, "from"))
		return option_span(line, &media->from_ns, &media->to_ns);
	if (mkpcap__accept(line, "pause"))
		return option_pause(line, media);
	if (mkpcap__accept(line, "digit"))
		return option_digit(line, media);
	return 1;
}

/* By how much the sender's clock is off, in millionths. */
static int
option_clock(struct mkpcap_line *line, struct mkpcap_media *media, int sign)
{
	uint64_t ppm;
	int rc = mkpcap__number(line, "millionths", 10000, &ppm);

	media->fast_ppm = sign * (int32_t)ppm;
	return rc;
}

static int
option_reorder(struct mkpcap_line *line, struct mkpcap_media *media)
{
	uint64_t by = 1;
	int rc = mkpcap__pick(line, &media->reorder);

	if (rc == 0 && mkpcap__accept(line, "by"))
		rc = mkpcap__number(line, "packets", 100, &by);
	media->reorder_by = (uint32_t)by;
	return rc;
}

static int
option_burst(struct mkpcap_line *line, struct mkpcap_media *media)
{
	uint64_t burst;
	int rc = mkpcap__number(line, "packets", 1000, &burst);

	media->burst = (uint32_t)burst;
	return rc;
}

static int
media_impairment(struct mkpcap_line *line, struct mkpcap_media *media)
{
	if (mkpcap__accept(line, "loss"))
		return mkpcap__pick(line, &media->loss);
	if (mkpcap__accept(line, "reorder"))
		return option_reorder(line, media);
	if (mkpcap__accept(line, "burst"))
		return option_burst(line, media);
	if (mkpcap__accept(line, "dup"))
		return mkpcap__pick(line, &media->dup);
	if (mkpcap__accept(line, "late"))
		return option_late(line, media);
	if (mkpcap__accept(line, "jitter"))
		return mkpcap__duration(line, "the jitter", &media->jitter_ns);
	return 1;
}

static int
media_packet_option(struct mkpcap_line *line, struct mkpcap_media *media)
{
	if (mkpcap__accept(line, "ptime"))
		return option_ptime(line, media);
	if (mkpcap__accept(line, "codec"))
		return option_media_codec(line, media);
	if (mkpcap__accept(line, "ssrc"))
		return option_first(line, media, "ssrc", UINT32_MAX);
	if (mkpcap__accept(line, "seq"))
		return option_first(line, media, "seq", UINT16_MAX);
	if (mkpcap__accept(line, "ts"))
		return option_first(line, media, "ts", UINT32_MAX);
	if (mkpcap__accept(line, "srtp"))
		return option_srtp(line, media);
	if (mkpcap__accept(line, "fast"))
		return option_clock(line, media, 1);
	if (mkpcap__accept(line, "slow"))
		return option_clock(line, media, -1);
	if (mkpcap__accept(line, "rollovers"))
		return option_rollovers(line, media);
	if (mkpcap__accept(line, "source"))
		return mkpcap__endpoint(line, 0, &media->source);
	if (mkpcap__accept(line, "target"))
		return mkpcap__endpoint(line, 0, &media->target);
	return 1;
}

int
mkpcap__media_options(struct mkpcap_line *line, struct mkpcap_media *media)
{
	while (line->next < line->count) {
		int rc = media_option(line, media);

		if (rc > 0)
			rc = media_impairment(line, media);
		if (rc > 0)
			rc = media_packet_option(line, media);
		if (rc > 0) {
			line->next++;
			rc = mkpcap__fail(
			    line, "there is no option \"%.*s\" here",
			    (int)line->words[line->next - 1].text.n,
			    line->words[line->next - 1].text.p);
		}
		if (rc)
			return rc;
	}
	if (media->to_ns == 0)
		return mkpcap__fail(line, "\"from TIME to TIME\" is missing");
	if (media->tones_count == 0 && media->patterns_count == 0)
		return mkpcap__fail(line, "\"tone HZ\" is missing");
	if (media->tones_count && media->patterns_count)
		return mkpcap__fail(line, "tones or patterns, not both");
	return 0;
}
