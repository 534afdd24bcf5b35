/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a copy tells beside its sound, since it leaves the archive, which knows
 * all that: whose call it is, when it was, what is missing of it and why, who
 * made the copy and what for. Names are those that Vorbis comments have for
 * such things, where they have one.
 */
#include "cmd/spanrec/export_priv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"

static int add(struct spanrec_tags *tags, const char *name, const char *format,
	       ...) __attribute__((format(printf, 3, 4)));

/* A tag, unless it would be empty. @return 0, -ENOMEM */
static int
add(struct spanrec_tags *tags, const char *name, const char *format, ...)
{
	char value[SPANREC_TEXT_BYTES], clean[SPANREC_TEXT_BYTES], **grown;
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(value, sizeof(value), format, arguments);
	va_end(arguments);
	if (!*value)
		return 0;
	spanrec_text_clean(value, clean, sizeof(clean));
	if (tags->count == tags->capacity) {
		size_t capacity = tags->capacity ? 2 * tags->capacity : 32;

		grown = reallocarray(tags->texts, capacity, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		tags->texts = grown;
		tags->capacity = capacity;
	}
	if (asprintf(&tags->texts[tags->count], "%s=%s", name, clean) < 0)
		return -ENOMEM;
	tags->count++;
	return 0;
}

/* Once each: of several segments most are the same. */
static int
add_number(struct spanrec_tags *tags, const char *name, const char *number)
{
	size_t i, n = strlen(name);

	for (i = 0; i < tags->count; i++) {
		const char *text = tags->texts[i];

		if (!strncmp(text, name, n) && text[n] == '=' &&
		    !strcmp(text + n + 1, number))
			return 0;
	}
	return add(tags, name, "%s", number);
}

static const char *
channels_text(enum spanrec_channels channels)
{
	switch (channels) {
	case SPANREC_STEREO:
		return "left is local, right is remote";
	case SPANREC_MIX:
		return "local and remote in one";
	case SPANREC_LEFT:
		return "local";
	default:
		return "remote";
	}
}

static int
add_call(const struct spanrec *spanrec, const struct spanrec_audio *audio,
	 struct spanrec_tags *tags)
{
	const struct spanrec_selection *selection = audio->selection;
	const struct store_segment *first = &selection->segments[0];
	char utc[SPANREC_TIME_BYTES], zoned[SPANREC_TIME_BYTES];
	int rc = 0;
	size_t i;

	spanrec_time_utc(audio->start_ns, utc);
	spanrec_time_zoned(spanrec->zone, audio->start_ns, zoned);
	rc |= add(tags, "TITLE", "%s",
		  selection->count == 1 ? first->id : first->call);
	rc |= add(tags, "DATE", "%s", utc);
	rc |= add(tags, "START", "%s", zoned);
	rc |= add(tags, "DIRECTION", "%s", store_route_name(first->direction));
	for (i = 0; i < selection->count; i++) {
		const struct store_segment *segment = &selection->segments[i];

		if (!spanrec_segment_audible(segment))
			continue;
		rc |= add_number(tags, "LOCAL", segment->local);
		rc |= add_number(tags, "REMOTE", segment->remote);
	}
	rc |= add(tags, "CHANNELS", "%s", channels_text(audio->channels));
	rc |= add(tags, "ORGANIZATION", "%s",
		  policy_organisation_peek(spanrec->policy));
	return rc;
}

static int
add_copy(const struct spanrec *spanrec,
	 const struct spanrec_authority *authority, struct spanrec_tags *tags)
{
	char actor[STORE_NAME_BYTES], now[SPANREC_TIME_BYTES];
	int rc = 0;

	spanrec_actor(actor);
	spanrec_time_utc(spanrec->now_ns, now);
#define TEXT(text) ((text) ? (text) : "")
	rc |= add(tags, "PURPOSE", "%s", TEXT(authority->purpose));
	rc |= add(tags, "CASE", "%s", TEXT(authority->case_ref));
	rc |= add(tags, "APPROVED_BY", "%s", TEXT(authority->approver));
	rc |= add(tags, "ADVICE", "%s", TEXT(authority->advice));
#undef TEXT
	rc |= add(tags, "EXPORTED_BY", "%s", actor);
	rc |= add(tags, "EXPORTED", "%s", now);
	rc |= add(tags, "ENCODER", "spanrec " SPANREC_VERSION);
	return rc;
}

/* "0:01.000": so far into the copy */
static const char *
place(const struct spanrec_audio *audio, int64_t time_ns,
      char text[SPANREC_TIME_BYTES])
{
	const struct store_segment from = { .start_ns = audio->start_ns };
	const struct store_gap gap = { .from_ns = time_ns };

	return spanrec_gap_at(&from, &gap, text);
}

static int
add_gaps(const struct spanrec_audio *audio, const struct spanrec_marks *marks,
	 struct spanrec_tags *tags)
{
	char from[SPANREC_TIME_BYTES], until[SPANREC_TIME_BYTES];
	int rc = add(tags, "GAPS", "%zu", marks->count);
	size_t i;

	for (i = 0; i < marks->count && i < SPANREC_TAGS_GAPS_MAX; i++) {
		const struct spanrec_mark *mark = &marks->marks[i];

		rc |=
		    add(tags, "GAP", "%s-%s %s: %s%s",
			place(audio, mark->from_ns, from),
			place(audio, mark->until_ns, until),
			spanrec_mark_sides(mark),
			mark->unrecorded ? "not recorded: " : "", mark->reason);
	}
	return rc;
}

static int
out_of_memory(void)
{
	log_error("not enough memory for what the copy is to tell");
	return exit_code(-ENOMEM);
}

int
spanrec_tags_make(const struct spanrec *spanrec,
		  const struct spanrec_audio *audio,
		  const struct spanrec_authority *authority,
		  struct spanrec_tags *tags)
{
	int error;

	*tags = (struct spanrec_tags){ 0 };
	error = add_call(spanrec, audio, tags);
	error |= add_copy(spanrec, authority, tags);
	return error < 0 ? out_of_memory() : 0;
}

int
spanrec_tags_gaps(const struct spanrec_audio *audio, struct spanrec_tags *tags)
{
	struct spanrec_marks marks;
	int rc = spanrec_marks_make(audio, &marks), error;

	if (rc)
		return rc;
	error = add_gaps(audio, &marks, tags);
	spanrec_marks_fini(&marks);
	return error < 0 ? out_of_memory() : 0;
}

void
spanrec_tags_fini(struct spanrec_tags *tags)
{
	size_t i;

	for (i = 0; i < tags->count; i++)
		free(tags->texts[i]);
	free(tags->texts);
	*tags = (struct spanrec_tags){ 0 };
}

const char *
spanrec_tags_value(const struct spanrec_tags *tags, const char *name)
{
	size_t i, n = strlen(name);

	for (i = 0; i < tags->count; i++) {
		if (!strncmp(tags->texts[i], name, n) &&
		    tags->texts[i][n] == '=')
			return tags->texts[i] + n + 1;
	}
	return "";
}
