/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Taking a part out of a recording, as people do it and as they hear it. */
#include "cmd/spanrec/fixture_priv.h"
#include "store/scrub.h"

#include <math.h>
#include <pwd.h>

#include <sndfile.h>

/* Somebody else, who proposes it; we agree. */
static void
proposed_by_another(const struct fixture *f, const char *id, int64_t from_ns,
		    int64_t until_ns, uint32_t sides)
{
	struct store_scrub scrub = {
		.from_ns = from_ns,
		.until_ns = until_ns,
		.sides = sides,
		.why = "a card number",
		.although_held = 1,
		.proposer = { .uid = getuid() + 1, .name = "ann" },
		.proposed_ns = NOW,
	};
	struct store_archive *archive;
	char path[512];

	snprintf(path, sizeof(path), "%s/archive", f->home);
	snprintf(scrub.id, sizeof(scrub.id), "%s", id);
	assert_int_equal(
	    store_archive_open(&archive, path, STORE_WRITE, NULL, NULL), 0);
	assert_int_equal(store_scrub_propose(archive, &scrub), 0);
	store_archive_close(&archive);
}

static int64_t
start_of(const struct fixture *f, const char *segment)
{
	struct store_segment *row = malloc(sizeof(*row));
	struct store_archive *archive;
	char path[512];
	int64_t start_ns;

	assert_non_null(row);
	snprintf(path, sizeof(path), "%s/archive", f->home);
	assert_int_equal(
	    store_archive_open(&archive, path, STORE_READ, NULL, NULL), 0);
	assert_int_equal(store_segment_get(archive, segment, row), 0);
	store_archive_close(&archive);
	start_ns = row->start_ns;
	free(row);
	return start_ns;
}

/* Loudness of a part of one channel, 0 to 1. */
static double
level(const int16_t *pcm, int channel, double from_s, double until_s)
{
	double sum = 0;
	size_t n = 0;

	for (size_t i = (size_t)(from_s * 8000); i < (size_t)(until_s * 8000);
	     i++, n++)
		sum += pcm[2 * i + (size_t)channel] / 32768.0 *
		       (pcm[2 * i + (size_t)channel] / 32768.0);
	return sqrt(2 * sum / (double)n);
}

static int16_t *
hear(const struct fixture *f, const char *id, sf_count_t *frames)
{
	char path[512];
	SNDFILE *file;
	SF_INFO info = { 0 };
	int16_t *pcm;

	snprintf(path, sizeof(path), "%s/heard.wav", f->folder);
	free(run(f, NOW, EXIT_DONE,
		 "export %s --out %s --force --purpose "
		 "quality",
		 id, path));
	file = sf_open(path, SFM_READ, &info);
	assert_non_null(file);
	assert_int_equal(info.channels, 2);
	pcm = calloc((size_t)info.frames * 2, sizeof(*pcm));
	assert_non_null(pcm);
	assert_int_equal(sf_readf_short(file, pcm, info.frames), info.frames);
	sf_close(file);
	*frames = info.frames;
	return pcm;
}

/* Sound before and after, silence of true length within; the other side and
 * the length are as they were. */
static void
heard(void **state)
{
	const struct fixture *f = *state;
	const char *id = f->call[1];
	char segment[STORE_SEGMENT_ID_BYTES], *text;
	sf_count_t before, after;
	int16_t *pcm;
	int64_t start_ns;

	snprintf(segment, sizeof(segment), "%s-1", id);
	start_ns = start_of(f, segment);
	pcm = hear(f, id, &before);
	assert_true(level(pcm, 0, 0.1, 1.9) > 0.4);
	free(pcm);
	proposed_by_another(f, segment, start_ns + SECOND / 2,
			    start_ns + SECOND * 3 / 2, 1 << STORE_LEFT);
	text = run(f, NOW, EXIT_DONE, "scrub list");
	assert_has(text, "ann");
	assert_has(text, "0:00.5 to 0:01.5 of the left side");
	assert_has(text, "a card number");
	free(text);
	text = run(f, NOW, EXIT_DONE, "why %s", id);
	assert_has(text, "is to be taken out");
	free(text);
	text = run(f, NOW, EXIT_DONE, "scrub agree %s", id);
	assert_has(text, "taken out");
	free(text);
	pcm = hear(f, id, &after);
	assert_int_equal(before, after);
	assert_true(level(pcm, 0, 0.05, 0.45) > 0.4);
	assert_true(level(pcm, 0, 0.5, 1.5) == 0);
	assert_true(level(pcm, 0, 1.55, 1.95) > 0.4);
	assert_true(level(pcm, 1, 0.1, 1.9) > 0.4);
	free(pcm);
	free(run(f, NOW, EXIT_DONE, "verify"));
	text = run(f, NOW, EXIT_DONE, "show %s", id);
	assert_has(text, "scrub");
	assert_has(text, "Taken out");
	assert_has(text, "proposed by ann");
	free(text);
	text = run(f, NOW, EXIT_DONE, "show --json %s", id);
	assert_has(text, "\"scrubs\":1");
	assert_has(text, "\"reason\":\"scrub\"");
	free(text);
	text = run(f, NOW, EXIT_DONE, "why %s", id);
	assert_has(text, "taken out");
	assert_has_not(text, "is to be taken out");
	free(text);
	text = run(f, NOW, EXIT_DONE, "list --json");
	assert_has(text, "\"scrub\":");
	free(text);
}

/* One person is not two. */
static void
alone(void **state)
{
	const struct fixture *f = *state;
	char *text =
	    run(f, NOW, EXIT_DONE,
		"scrub %s --range 0:00.5-0:01.5 --why number", f->call[0]);

	/* The range lies in one of its two segments. */
	assert_has(text, "-1: 0:00.5 to 0:01.5 of both sides");
	assert_has_not(text, "-2: ");
	free(text);
	free(run(f, NOW, EXIT_NOT_ALLOWED, "scrub agree %s", f->call[0]));
	text = run(f, NOW, EXIT_DONE, "audit list --action denied");
	assert_has(text, "that takes a second person");
	free(text);
	free(run(f, NOW, EXIT_FAILED, "scrub %s --range 1-2 --why again",
		 f->call[0]));
	text = run(f, NOW, EXIT_DONE, "scrub list --json");
	assert_has(text, "\"state\":\"proposed\"");
	assert_has(text, "\"side\":\"both\"");
	free(text);
	text = run(f, NOW, EXIT_DONE, "scrub list --csv");
	assert_has(text, "id,state,part,from,until,proposed,side,"
			 "although_held,proposed_by,agreed_by,why\r\n");
	free(text);
	free(run(f, NOW, EXIT_DONE, "scrub withdraw %s", f->call[0]));
	text = run(f, NOW, EXIT_DONE, "scrub list --json");
	assert_string_equal(text, "");
	free(text);
	free(run(f, NOW, EXIT_NOT_FOUND, "scrub withdraw %s", f->call[0]));
	free(run(f, NOW, EXIT_NOT_FOUND, "scrub agree %s", f->call[0]));
}

static void
refused(void **state)
{
	const struct fixture *f = *state;

	free(run(f, NOW, EXIT_USAGE, "scrub %s --range 2-1 --why x",
		 f->call[1]));
	free(run(f, NOW, EXIT_USAGE, "scrub %s --range 1 --why x", f->call[1]));
	free(run(f, NOW, EXIT_USAGE, "scrub %s --range 1-x --why x",
		 f->call[1]));
	/* Behind its end: a mistake, rather than nothing to do. */
	free(run(f, NOW, EXIT_USAGE, "scrub %s --range 1-99 --why x",
		 f->call[1]));
	free(run(f, NOW, EXIT_NOT_FOUND, "scrub %s --range 0-1 --why x",
		 f->call[2]));
	free(run(f, NOW, EXIT_NOT_FOUND, "scrub nothing --range 0-1 --why x"));
	free(run(f, NOW, EXIT_DONE, "case open C-1 --title x --approver y"));
	free(run(f, NOW, EXIT_DONE,
		 "hold add %s --case C-1 --reason x --approver y --review "
		 "2019-06-01",
		 f->call[1]));
	free(run(f, NOW, EXIT_NOT_ALLOWED, "scrub %s --range 0-1 --why x",
		 f->call[1]));
	free(run(f, NOW, EXIT_DONE, "verify"));
}

/* A card number goes also where a case holds the rest, and that stays held. */
static void
although_held(void **state)
{
	const struct fixture *f = *state;
	char id[STORE_SEGMENT_ID_BYTES], *text;
	int64_t start_ns;

	snprintf(id, sizeof(id), "%s-1", f->call[1]);
	free(run(f, NOW, EXIT_DONE, "case open C-1 --title x --approver y"));
	free(run(f, NOW, EXIT_DONE,
		 "hold add %s --case C-1 --reason x --approver y --review "
		 "2019-06-01",
		 id));
	free(run(f, NOW, EXIT_DONE,
		 "scrub %s --range 0-1 --why number --although-held", id));
	text = run(f, NOW, EXIT_DONE, "scrub list");
	assert_has(text, "0:00 to 0:01 of both sides, although held");
	free(text);
	text = run(f, NOW, EXIT_DONE, "audit list --action scrub-propose");
	assert_has(text, "although it is held");
	free(text);
	/* by ourselves alone it does not go, held or not */
	free(run(f, NOW, EXIT_NOT_ALLOWED, "scrub agree %s", id));
	free(run(f, NOW, EXIT_DONE, "scrub withdraw %s", id));
	start_ns = start_of(f, id);
	proposed_by_another(f, id, start_ns, start_ns + SECOND,
			    STORE_SIDES_BOTH);
	free(run(f, NOW, EXIT_DONE, "scrub agree %s", id));
	text = run(f, NOW, EXIT_DONE, "show --json %s", id);
	assert_has(text, "\"state\":\"held\"");
	assert_has(text, "\"scrubs\":1");
	free(text);
	text = run(f, NOW, EXIT_DONE, "audit list --action scrub --json");
	assert_has(text, "although it is held");
	free(text);
	free(run(f, NOW, EXIT_DONE, "verify"));
}

/* Who finds the calls, and may neither hold nor delete. */
static void
lower(const struct fixture *f)
{
	char command[1024];

	snprintf(command, sizeof(command),
		 "sed -i 's/^  owner:.*/  owner: [nobody-else]\\n"
		 "  matrix: [{role: tl, may: [find, report]}]/; "
		 "$aroles: {tl: {users: [%s]}}' %s/policy.yaml",
		 getpwuid(getuid())->pw_name, f->home);
	assert_int_equal(system(command), 0);
}

/* ... is refused, and that is in the ledger. */
static void
denied(void **state)
{
	const struct fixture *f = *state;
	char *text;

	free(run(f, NOW, EXIT_DONE, "case open C-1 --title t --approver bob"));
	lower(f);
	free(run(f, NOW, EXIT_NOT_ALLOWED, "scrub %s --range 0-1 --why x",
		 f->call[1]));
	text = run(f, NOW, EXIT_DONE, "audit list --action denied");
	assert_has(text, "scrub: the access matrix does not give");
	assert_has(text, f->call[1]);
	free(text);
	/* cases and who approved them are not for all who find calls */
	free(run(f, NOW, EXIT_NOT_ALLOWED, "hold list"));
	free(run(f, NOW, EXIT_NOT_ALLOWED,
		 "hold add %s --case C-1 --reason r --approver bob "
		 "--review 2019-06-01",
		 f->call[1]));
	text = run(f, NOW, EXIT_DONE, "audit list --action denied");
	assert_has(text, "hold: the access matrix does not give");
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(heard),   FIXTURE_TEST(alone),
		FIXTURE_TEST(refused), FIXTURE_TEST(although_held),
		FIXTURE_TEST(denied),
	};

	return cmocka_run_group_tests(tests, fixture_begin, NULL);
}
