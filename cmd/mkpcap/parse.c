/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From the text of a script to its statements. A statement is a line; lines
 * that begin with a blank go on with the one before, lines that begin with "|"
 * are its block of text. One mistake is reported per statement.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/mkpcap/mkpcap_priv.h"

struct reader {
	const char *p, *end;
	uint32_t line;   /* number of the line at p */
	uint32_t repeat; /* open one, or MKPCAP_NONE */
	uint32_t repeat_line;
};

static void error_add(struct mkpcap_errors *errors, uint32_t line,
		      uint32_t column, const char *format, va_list args)
    __attribute__((format(printf, 4, 0)));

static void
error_add(struct mkpcap_errors *errors, uint32_t line, uint32_t column,
	  const char *format, va_list args)
{
	uint32_t i = errors->count++;

	if (i >= MKPCAP_ERRORS_MAX)
		return;
	errors->errors[i].line = line;
	errors->errors[i].column = column;
	vsnprintf(errors->errors[i].text, sizeof(errors->errors[i].text),
		  format, args);
}

void
mkpcap__error(struct mkpcap_errors *errors, uint32_t line, uint32_t column,
	      const char *format, ...)
{
	va_list args;

	va_start(args, format);
	error_add(errors, line, column, format, args);
	va_end(args);
}

int
mkpcap__fail(struct mkpcap_line *line, const char *format, ...)
{
	const struct mkpcap_word *word =
	    &line->words[line->next ? line->next - 1 : 0];
	va_list args;

	va_start(args, format);
	error_add(line->errors, word->line, word->column, format, args);
	va_end(args);
	return -EINVAL;
}

/* The array with room for one more element. Grows by doubling. */
static void *
grow(void *array, uint32_t count, size_t size)
{
	if (count & (count - 1))
		return array;
	return realloc(array, (count ? (size_t)count * 2 : 1) * size);
}

/* ---- words --------------------------------------------------------------- */

static bool
blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The words of one physical line. */
static int
words_read(struct mkpcap_line *line, const char *p, const char *end,
	   uint32_t number)
{
	const char *begin = p;

	for (;;) {
		struct mkpcap_word *word;
		const char *stop;

		while (p < end && blank(*p))
			p++;
		if (p == end || *p == '#')
			return 0;
		if (line->count == MKPCAP_WORDS_MAX) {
			mkpcap__error(line->errors, number,
				      (uint32_t)(p - begin) + 1,
				      "a statement of more than %d words",
				      MKPCAP_WORDS_MAX);
			return -EINVAL;
		}
		word = &line->words[line->count++];
		word->line = number;
		word->column = (uint32_t)(p - begin) + 1;
		word->quoted = *p == '"';
		if (word->quoted) {
			p++;
			stop = memchr(p, '"', (size_t)(end - p));
			if (!stop) {
				mkpcap__error(line->errors, number,
					      word->column,
					      "the closing quote is missing");
				return -EINVAL;
			}
		} else {
			for (stop = p; stop < end && !blank(*stop);)
				stop++;
		}
		word->text = (struct mkpcap_text){ p, (uint32_t)(stop - p) };
		p = stop + word->quoted;
	}
}

/* Words and block of the next statement; 0 words at the end of the script. */
static int
statement_read(struct reader *reader, struct mkpcap_line *line)
{
	int rc = 0;

	line->count = 0;
	line->next = 0;
	line->block = (struct mkpcap_text){ 0 };
	while (reader->p < reader->end) {
		const char *p = reader->p;
		const char *stop = memchr(p, '\n', (size_t)(reader->end - p));

		if (!stop)
			stop = reader->end;
		if (*p == '|') {
			if (line->count == 0 && rc == 0) {
				mkpcap__error(line->errors, reader->line, 1,
					      "a line of text without a "
					      "statement before it");
				rc = -EINVAL;
			}
			if (line->block.n == 0)
				line->block.p = p;
			line->block.n = (uint32_t)(stop - line->block.p);
		} else if (line->count && !blank(*p) && p != stop &&
			   *p != '#') {
			break;
		} else if (words_read(line, p, stop, reader->line)) {
			rc = -EINVAL;
		}
		reader->line++;
		reader->p = stop < reader->end ? stop + 1 : stop;
	}
	return rc;
}

/* ---- statements ---------------------------------------------------------- */

static int
parse_start(struct reader *reader, struct mkpcap_line *line)
{
	return mkpcap__start(line, &line->script->start_ns);
}

static int
parse_seed(struct reader *reader, struct mkpcap_line *line)
{
	return mkpcap__number(line, "the seed", UINT32_MAX,
			      &line->script->seed);
}

static int
parse_link(struct reader *reader, struct mkpcap_line *line)
{
	static const char *const names[] = { "ethernet", "sll", "sll2", "raw" };
	struct mkpcap_script *script = line->script;
	struct mkpcap_text text;
	uint64_t vlan;
	int rc = mkpcap__word(line, "a link", &text);

	if (rc)
		return rc;
	for (unsigned i = 0;; i++) {
		if (i == sizeof(names) / sizeof(names[0]))
			return mkpcap__fail(line,
					    "\"%.*s\" is none of the "
					    "links ethernet sll sll2 raw",
					    (int)text.n, text.p);
		if (mkpcap__is(&text, names[i])) {
			script->link = (enum mkpcap_link)i;
			break;
		}
	}
	script->vlans_count = 0;
	while (script->link == MKPCAP_ETHERNET &&
	       script->vlans_count < MKPCAP_VLANS_MAX &&
	       mkpcap__accept(line, "vlan")) {
		rc = mkpcap__number(line, "a VLAN", 4094, &vlan);
		if (rc)
			return rc;
		script->vlans[script->vlans_count++] = (uint16_t)vlan;
	}
	return 0;
}

static int
parse_host(struct reader *reader, struct mkpcap_line *line)
{
	struct mkpcap_host host = { .sip_port = 5060 };
	struct mkpcap_host *added;
	char address[64];
	int rc = mkpcap__word(line, "the name of the host", &host.name);

	if (rc == 0 && memchr(host.name.p, ':', host.name.n))
		return mkpcap__fail(line, "a host's name has no colon");
	if (rc == 0)
		rc = mkpcap__word(line, "the address of the host",
				  &host.address);
	if (rc)
		return rc;
	snprintf(address, sizeof(address), "%.*s", (int)host.address.n,
		 host.address.p);
	host.v6 = inet_pton(AF_INET6, address, host.addr) == 1;
	if (!host.v6 && inet_pton(AF_INET, address, host.addr) != 1)
		return mkpcap__fail(line, "\"%s\" is no IP address", address);
	if (mkpcap__accept(line, "sip"))
		rc = mkpcap__port(line, &host.sip_port);
	if (rc)
		return rc;
	added = grow(line->script->hosts, line->script->hosts_count,
		     sizeof(*added));
	if (!added)
		return -ENOMEM;
	line->script->hosts = added;
	added[line->script->hosts_count++] = host;
	return 0;
}

/* "alice:2041" */
static int
parse_party(struct mkpcap_line *line, uint32_t *host, struct mkpcap_text *user)
{
	struct mkpcap_text text, name;
	const char *colon;
	int rc = mkpcap__word(line, "host:user", &text);

	if (rc)
		return rc;
	colon = memchr(text.p, ':', text.n);
	if (!colon || colon + 1 == text.p + text.n)
		return mkpcap__fail(line,
				    "a party is written as alice:2041 "
				    "(host:user), not \"%.*s\"",
				    (int)text.n, text.p);
	name = (struct mkpcap_text){ text.p, (uint32_t)(colon - text.p) };
	*user = (struct mkpcap_text){ colon + 1, text.n - name.n - 1 };
	return mkpcap__host(line, &name, host);
}

static int
parse_call(struct reader *reader, struct mkpcap_line *line)
{
	struct mkpcap_script *script = line->script;
	struct mkpcap_call call = { .repeat = reader->repeat };
	struct mkpcap_call *added;
	int rc = mkpcap__word(line, "the name of the call", &call.name);

	if (rc)
		return rc;
	for (uint32_t i = 0; i < script->calls_count; i++)
		if (mkpcap__same(&call.name, &script->calls[i].name))
			return mkpcap__fail(line,
					    "there is a call \"%.*s\" "
					    "already",
					    (int)call.name.n, call.name.p);
	if ((rc = mkpcap__expect(line, "from")) ||
	    (rc = parse_party(line, &call.host[MKPCAP_CALLER],
			      &call.user[MKPCAP_CALLER])) ||
	    (rc = mkpcap__expect(line, "to")) ||
	    (rc = parse_party(line, &call.host[MKPCAP_CALLEE],
			      &call.user[MKPCAP_CALLEE])))
		return rc;
	if (script->hosts[call.host[0]].v6 != script->hosts[call.host[1]].v6)
		return mkpcap__fail(line, "one host has an IPv4 address, the "
					  "other IPv6");
	if (mkpcap__accept(line, "id"))
		rc = mkpcap__word(line, "the Call-ID", &call.id);
	if (rc)
		return rc;
	added = grow(script->calls, script->calls_count, sizeof(*added));
	if (!added)
		return -ENOMEM;
	script->calls = added;
	added[script->calls_count++] = call;
	return 0;
}

static int
find_call(struct reader *reader, struct mkpcap_line *line, uint32_t *call)
{
	struct mkpcap_text name;
	int rc = mkpcap__word(line, "the name of a call", &name);

	if (rc)
		return rc;
	for (uint32_t i = 0; i < line->script->calls_count; i++) {
		if (!mkpcap__same(&name, &line->script->calls[i].name))
			continue;
		if (line->script->calls[i].repeat != reader->repeat)
			return mkpcap__fail(line,
					    "the call \"%.*s\" stands "
					    "in another repeat block",
					    (int)name.n, name.p);
		*call = i;
		return 0;
	}
	return mkpcap__fail(line, "there is no call \"%.*s\" above",
			    (int)name.n, name.p);
}

/* at TIME HOST -> HOST text|bytes HEX */
static int
parse_plain(struct mkpcap_line *line, struct mkpcap_step *step)
{
	int rc;

	step->what = MKPCAP_PLAIN;
	step->call = MKPCAP_NONE;
	if ((rc = mkpcap__endpoint(line, 0, &step->from)) ||
	    (rc = mkpcap__expect(line, "->")) ||
	    (rc = mkpcap__endpoint(line, 0, &step->to)))
		return rc;
	if (line->script->hosts[step->from.host].v6 !=
	    line->script->hosts[step->to.host].v6)
		return mkpcap__fail(line, "one host has an IPv4 address, the "
					  "other IPv6");
	if (mkpcap__accept(line, "bytes"))
		return mkpcap__hex(line, &step->bytes);
	if ((rc = mkpcap__expect(line, "text")))
		return rc;
	step->unterminated = mkpcap__accept(line, "unterminated");
	if (line->block.n == 0)
		return mkpcap__fail(line, "lines that begin with \"|\" must "
					  "follow: the text");
	return 0;
}

static int
parse_at(struct reader *reader, struct mkpcap_line *line)
{
	struct mkpcap_step step = { .repeat = reader->repeat,
				    .line = line->words[0].line };
	struct mkpcap_step *added;
	int rc = mkpcap__duration(line, "the time", &step.at_ns);

	if (rc)
		return rc;
	step.block = line->block;
	if (line->next + 1 < line->count &&
	    mkpcap__is(&line->words[line->next + 1].text, "->")) {
		rc = parse_plain(line, &step);
	} else {
		rc = find_call(reader, line, &step.call);
		if (rc == 0)
			rc = mkpcap__step_options(line, &step);
		if (rc == 0 && step.block.n && step.body_type.n == 0)
			rc = mkpcap__fail(line, "lines of text follow, but no "
						"\"body TYPE\" is named");
	}
	if (rc)
		return rc;
	added = grow(line->script->steps, line->script->steps_count,
		     sizeof(*added));
	if (!added)
		return -ENOMEM;
	line->script->steps = added;
	added[line->script->steps_count++] = step;
	return 0;
}

static int
parse_media(struct reader *reader, struct mkpcap_line *line)
{
	struct mkpcap_media media = { .line = line->words[0].line,
				      .ptime_ns = 20 * MS_NS,
				      .source.host = MKPCAP_NONE,
				      .target.host = MKPCAP_NONE };
	struct mkpcap_media *added;
	int rc = find_call(reader, line, &media.call);

	if (rc)
		return rc;
	if (mkpcap__accept(line, "callee"))
		media.side = MKPCAP_CALLEE;
	else if ((rc = mkpcap__expect(line, "caller")))
		return rc;
	rc = mkpcap__media_options(line, &media);
	if (rc)
		return rc;
	added = grow(line->script->media, line->script->media_count,
		     sizeof(*added));
	if (!added)
		return -ENOMEM;
	line->script->media = added;
	added[line->script->media_count++] = media;
	return 0;
}

static int
parse_rtcp(struct reader *reader, struct mkpcap_line *line)
{
	struct mkpcap_report report = { .line = line->words[0].line };
	struct mkpcap_report *added;
	int rc = find_call(reader, line, &report.call);

	if (rc)
		return rc;
	if (mkpcap__accept(line, "callee"))
		report.side = MKPCAP_CALLEE;
	else if ((rc = mkpcap__expect(line, "caller")))
		return rc;
	rc = mkpcap__report_options(line, &report);
	if (rc)
		return rc;
	added = grow(line->script->reports, line->script->reports_count,
		     sizeof(*added));
	if (!added)
		return -ENOMEM;
	line->script->reports = added;
	added[line->script->reports_count++] = report;
	return 0;
}

static int
parse_repeat(struct reader *reader, struct mkpcap_line *line)
{
	struct mkpcap_repeat repeat = { 0 };
	struct mkpcap_repeat *added;
	uint64_t count, step;
	int rc;

	if (reader->repeat != MKPCAP_NONE)
		return mkpcap__fail(line, "a repeat inside of a repeat");
	if ((rc = mkpcap__number(line, "the count", 1000000, &count)) ||
	    (rc = mkpcap__expect(line, "every")) ||
	    (rc = mkpcap__duration(line, "the interval", &repeat.every_ns)))
		return rc;
	if (repeat.every_ns &&
	    count > (uint64_t)(TIME_MAX_NS / repeat.every_ns))
		return mkpcap__fail(line, "that takes more than a year");
	repeat.count = (uint32_t)count;
	while (line->next < line->count) {
		uint32_t *which = &repeat.port_step;

		if (mkpcap__accept(line, "users"))
			which = &repeat.user_step;
		else if (mkpcap__accept(line, "tones"))
			which = &repeat.tone_step;
		else if ((rc = mkpcap__expect(line, "ports")))
			return rc;
		rc = mkpcap__number(line, "the step", 10000, &step);
		if (rc)
			return rc;
		*which = (uint32_t)step;
	}
	reader->repeat = line->script->repeats_count;
	reader->repeat_line = line->words[0].line;
	added = grow(line->script->repeats, line->script->repeats_count,
		     sizeof(*added));
	if (!added)
		return -ENOMEM;
	line->script->repeats = added;
	added[line->script->repeats_count++] = repeat;
	return 0;
}

static int
parse_end(struct reader *reader, struct mkpcap_line *line)
{
	if (reader->repeat == MKPCAP_NONE)
		return mkpcap__fail(line, "there is no repeat to end");
	reader->repeat = MKPCAP_NONE;
	return 0;
}

static int
statement_parse(struct reader *reader, struct mkpcap_line *line)
{
	static const struct {
		const char *word;
		int (*parse)(struct reader *, struct mkpcap_line *);
	} statements[] = { { "start", parse_start },   { "seed", parse_seed },
			   { "link", parse_link },     { "host", parse_host },
			   { "call", parse_call },     { "at", parse_at },
			   { "media", parse_media },   { "rtcp", parse_rtcp },
			   { "repeat", parse_repeat }, { "end", parse_end } };
	struct mkpcap_text word;
	int rc = mkpcap__word(line, "a statement", &word);

	if (rc)
		return rc;
	for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]);
	     i++) {
		if (!mkpcap__is(&word, statements[i].word))
			continue;
		rc = statements[i].parse(reader, line);
		if (rc == 0 && line->next < line->count) {
			line->next++;
			rc = mkpcap__fail(line, "nothing is expected here");
		}
		return rc;
	}
	return mkpcap__fail(line,
			    "\"%.*s\" is none of start seed link host "
			    "call at media rtcp repeat end",
			    (int)word.n, word.p);
}

/* ---- script -------------------------------------------------------------- */

static int
script_read(struct reader *reader, struct mkpcap_line *line)
{
	int rc;

	while (reader->p < reader->end) {
		rc = statement_read(reader, line);
		if (rc == 0 && line->count)
			rc = statement_parse(reader, line);
		if (rc == -ENOMEM)
			return rc;
	}
	if (reader->repeat != MKPCAP_NONE)
		mkpcap__error(line->errors, reader->repeat_line, 1,
			      "this repeat has no end");
	return line->errors->count ? -EINVAL : 0;
}

int
mkpcap_parse(struct mkpcap_script **script, const char *text, size_t n,
	     struct mkpcap_errors *errors)
{
	struct reader reader = {
		.p = text, .end = text + n, .line = 1, .repeat = MKPCAP_NONE
	};
	struct mkpcap_line *line = calloc(1, sizeof(*line));
	int rc = -ENOMEM;

	errors->count = 0;
	*script = calloc(1, sizeof(**script));
	if (!line || !*script)
		goto out;
	line->script = *script;
	line->errors = errors;
	rc = script_read(&reader, line);
out:
	free(line);
	if (rc)
		mkpcap_script_free(script);
	return rc;
}

void
mkpcap_script_free(struct mkpcap_script **script)
{
	if (!*script)
		return;
	free((*script)->hosts);
	free((*script)->calls);
	free((*script)->steps);
	free((*script)->media);
	free((*script)->reports);
	free((*script)->repeats);
	free(*script);
	*script = NULL;
}
