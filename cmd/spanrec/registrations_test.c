/* SPDX-License-Identifier: GPL-3.0-or-later */
/* spanrec registrations, against a recorder that says what it is told. */
#include "cmd/spanrec/fixture_priv.h"

#include <jansson.h>

#include "cmd/testing/recorder.h"

static const char two[] =
    "{\"ok\":true,\"registrations\":["
    "{\"record\":\"2042@pbx.example\",\"user\":\"2042\","
    "\"contact\":\"2042@10.0.0.2:5060\",\"from\":\"10.0.0.9:5060\","
    "\"direct\":false,\"server\":\"10.0.0.10:5060\",\"state\":\"claimed\","
    "\"since\":\"2019-03-30T16:14:00.000Z\","
    "\"expires\":\"2019-03-30T16:14:32.000Z\"},"
    "{\"record\":\"2041@pbx.example\",\"user\":\"2041\","
    "\"contact\":\"=x\\u001b[2J@10.0.0.1:5060\","
    "\"from\":\"10.0.0.1:5060\",\"direct\":true,"
    "\"server\":\"10.0.0.10:5060\",\"state\":\"confirmed\","
    "\"since\":\"2019-03-30T16:12:00.000Z\","
    "\"expires\":\"2019-03-30T17:12:00.000Z\"}]}\n";

static char *
run_against(const struct fixture *f, const char *text, int expected,
	    const char *line)
{
	const struct testing_answer answer = { TESTING_SAY, text };
	struct testing_recorder *recorder;
	char path[512], *output, *requests;

	snprintf(path, sizeof(path), "%s/control.sock", f->home);
	recorder = testing_recorder_new(path, &answer, 1);
	output = run(f, NOW, expected, "%s", line);
	requests = testing_recorder_end(recorder);
	if (expected == EXIT_DONE)
		assert_string_equal(requests, "{\"op\":\"registrations\"}\n");
	free(requests);
	return output;
}

static void
test_table(void **state)
{
	const struct fixture *f = *state;
	char *output = run_against(f, two, EXIT_DONE, "registrations");

	/* in order, and nothing that a terminal obeys */
	assert_ptr_equal(strstr(output, "ADDRESS-OF-RECORD CONTACT "), output);
	assert_non_null(strstr(output, " 10.0.0.1:5060 confirmed 2019-03-30 "
				       "16:12:00 2019-03-30 17:12:00\n"
				       "2042@pbx.example  2042@10.0.0.2:5060"));
	assert_non_null(strstr(output, " a proxy       claimed   2019-03-30 "
				       "16:14:00 2019-03-30 16:14:32\n"));
	assert_null(strchr(output, '\x1B'));
	free(output);
	output = run_against(f, "{\"ok\":true,\"registrations\":[]}\n",
			     EXIT_DONE, "registrations");
	assert_string_equal(output, "Nobody is logged in.\n");
	free(output);
	output = run_against(f, "{\"ok\":true,\"registrations\":[3,null,{}]}\n",
			     EXIT_DONE, "registrations");
	free(output);
	free(run_against(f, "{\"ok\":true}\n", EXIT_DONE, "registrations"));
}

static void
test_machines(void **state)
{
	const struct fixture *f = *state;
	char *output = run_against(f, two, EXIT_DONE, "registrations --csv");

	assert_string_equal(
	    output,
	    "record,user,contact,from,direct,server,state,since,expires\r\n"
	    "2041@pbx.example,2041,'=x\xEF\xBF\xBD[2J@10.0.0.1:5060,"
	    "10.0.0.1:5060,true,10.0.0.10:5060,confirmed,"
	    "2019-03-30T16:12:00.000Z,2019-03-30T17:12:00.000Z\r\n"
	    "2042@pbx.example,2042,2042@10.0.0.2:5060,10.0.0.9:5060,false,"
	    "10.0.0.10:5060,claimed,2019-03-30T16:14:00.000Z,"
	    "2019-03-30T16:14:32.000Z\r\n");
	free(output);
	output = run_against(f, two, EXIT_DONE, "registrations --json");
	assert_ptr_equal(
	    strstr(output, "{\"record\":\"2041@pbx.example\",\"user\":"),
	    output);
	assert_non_null(strstr(output, "}\n{\"record\":\"2042@pbx.example\""));
	assert_null(strchr(output, '\x1B'));
	free(output);
}

static void
test_failures(void **state)
{
	struct fixture *f = *state;
	unsigned n;

	free(run(f, NOW, EXIT_NOT_FOUND, "registrations"));
	for (n = 1; n < 30; n++) {
		f->fail_allocation = n;
		free(run_against(f, two, -1, "registrations"));
	}
	f->fail_allocation = 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_table),
		FIXTURE_TEST(test_machines),
		FIXTURE_TEST(test_failures),
	};

	return cmocka_run_group_tests(tests, fixture_begin, NULL);
}
