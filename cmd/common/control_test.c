/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Asking a recorder that answers well, badly, slowly, too much, or not. */
#include "cmd/common/control.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"
#include "cmd/testing/recorder.h"
#include "cmd/testing/testing.h"

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

struct fixture {
	char *folder;
	struct home home;
	struct control_client client;
	json_t *answer;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->folder = testing_folder();
	snprintf(f->home.dir, sizeof(f->home.dir), "%s", f->folder);
	snprintf(f->home.settings_path, sizeof(f->home.settings_path),
		 "%.200s/spanrec.yaml", f->folder);
	snprintf(f->home.control_path, sizeof(f->home.control_path),
		 "%.200s/control.sock", f->folder);
	f->client.fd = -1;
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	json_decref(f->answer);
	control_client_fini(&f->client);
	testing_folder_remove(f->folder);
	free(f);
	return 0;
}

static int
ask(struct fixture *f, int timeout_ms)
{
	json_decref(f->answer);
	return control_client_ask(&f->client, json_pack("{ss}", "op", "status"),
				  timeout_ms, &f->answer);
}

static void
assert_error(const struct fixture *f, const char *part)
{
	const char *error = control_client_error(&f->client);

	assert_null(f->answer);
	if (!strstr(error, part))
		fail_msg("'%s' is not in: %s", part, error);
}

/* A recorder with one answer: what becomes of a question? */
static void
expect_within(struct fixture *f, int timeout_ms, enum testing_manner manner,
	      const char *text, int code, const char *error)
{
	const struct testing_answer answer = { manner, text };
	struct testing_recorder *recorder =
	    testing_recorder_new(f->home.control_path, &answer, 1);

	control_client_fini(&f->client);
	assert_int_equal(control_client_init(&f->client, &f->home), 0);
	assert_int_equal(ask(f, timeout_ms), code);
	if (error)
		assert_error(f, error);
	else
		assert_true(json_is_true(json_object_get(f->answer, "ok")));
	free(testing_recorder_end(recorder));
}

static void
expect(struct fixture *f, enum testing_manner manner, const char *text,
       int code, const char *error)
{
	/* a busy machine takes its time */
	expect_within(f, 1000, manner, text, code, error);
}

/* ---- addresses --------------------------------------------------------- */

static void
test_address(void **state)
{
	const struct fixture *f = *state;
	char path[400];
	struct sockaddr_un address;
	int dir_fd;

	assert_int_equal(control_address("", &address, &dir_fd), -ENOENT);
	assert_int_equal(control_address("/a/b", &address, &dir_fd), 0);
	assert_string_equal(address.sun_path, "/a/b");
	assert_int_equal(address.sun_family, AF_UNIX);
	assert_int_equal(dir_fd, -1);
	/* 107 bytes and their NUL are all there is room for */
	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[107] = '\0';
	assert_int_equal(control_address(path, &address, &dir_fd), 0);
	assert_string_equal(address.sun_path, path);
	assert_int_equal(dir_fd, -1);
	/* one more: its name does not fit behind the descriptor */
	path[107] = 'x';
	path[108] = '\0';
	assert_int_equal(control_address(path, &address, &dir_fd),
			 -ENAMETOOLONG);
	assert_int_equal(dir_fd, -1);
	/* a long folder that is not there */
	memcpy(path + 108, "/control.sock", sizeof("/control.sock"));
	assert_int_equal(control_address(path, &address, &dir_fd), -ENOENT);
	snprintf(path, sizeof(path), "%s/%0*d/control.sock", f->folder, 200, 0);
	*strrchr(path, '/') = '\0';
	assert_int_equal(mkdir(path, 0700), 0);
	path[strlen(path)] = '/';
	assert_int_equal(control_address(path, &address, &dir_fd), 0);
	assert_true(dir_fd >= 0);
	assert_non_null(strstr(address.sun_path, "/control.sock"));
	close(dir_fd);
}

static void
test_long_path(void **state)
{
	struct fixture *f = *state;
	char *path = f->home.control_path;

	snprintf(path, PATH_MAX, "%s/%0*d", f->folder, 200, 0);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, PATH_MAX, "%s/%0*d/control.sock", f->folder, 200, 0);
	assert_int_equal(control_client_init(&f->client, &f->home),
			 EXIT_NOT_FOUND);
	expect(f, TESTING_SAY, "{\"ok\":true}\n", 0, NULL);
}

/* ---- nobody there ------------------------------------------------------ */

static void
test_nobody(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_un address;
	int fd, dir_fd;

	assert_int_equal(control_client_init(&f->client, &f->home),
			 EXIT_NOT_FOUND);
	assert_error(f, "no recorder is running on ");
	assert_error(f, f->folder);
	control_client_fini(&f->client);

	/* what one left that was killed */
	assert_int_equal(
	    control_address(f->home.control_path, &address, &dir_fd), 0);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)),
			 0);
	close(fd);
	assert_int_equal(control_client_init(&f->client, &f->home),
			 EXIT_NOT_FOUND);
	assert_error(f, "no recorder is running on ");
	control_client_fini(&f->client);

	/* parts that /etc names have no socket unless it is named too */
	*f->home.control_path = *f->home.dir = '\0';
	assert_int_equal(control_client_init(&f->client, &f->home),
			 EXIT_NOT_FOUND);
	assert_error(f, "names no socket");
	/* and asking all the same does no harm */
	assert_int_equal(ask(f, 100), EXIT_FAILED);
}

/* In a process of its own, so that this one stays root. @return exit code */
static int
try_as_nobody(struct fixture *f)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (!pid) {
		if (getuid() == 0 && setresuid(65534, 65534, 65534))
			_exit(99);
		status = control_client_init(&f->client, &f->home);
		if (status == EXIT_NOT_ALLOWED &&
		    !strstr(control_client_error(&f->client),
			    "'control_group'"))
			status = 98;
		_exit(status);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 97;
}

static void
test_not_allowed(void **state)
{
	const struct testing_answer answer = { TESTING_SAY, "{\"ok\":true}\n" };
	struct fixture *f = *state;
	struct testing_recorder *recorder =
	    testing_recorder_new(f->home.control_path, &answer, 1);

	assert_int_equal(chmod(f->folder, 0711), 0);
	assert_int_equal(chmod(f->home.control_path, 0), 0);
	assert_int_equal(try_as_nobody(f), EXIT_NOT_ALLOWED);
	assert_int_equal(chmod(f->home.control_path, 0777), 0);
	assert_int_equal(try_as_nobody(f), 0);
	free(testing_recorder_end(recorder));
}

/* ---- answers ----------------------------------------------------------- */

static void
test_answers(void **state)
{
	struct fixture *f = *state;

	expect(f, TESTING_SAY, "{\"ok\":true,\"n\":9223372036854775807}\n", 0,
	       NULL);
	assert_true(json_integer_value(json_object_get(f->answer, "n")) ==
		    INT64_MAX);
	expect(f, TESTING_DRIP, "{\"ok\":true}\n", 0, NULL);
	/* a number that no counter of ours reaches */
	expect(f, TESTING_SAY, "{\"ok\":true,\"n\":9223372036854775808}\n",
	       EXIT_FAILED, "too big");
	expect(f, TESTING_SAY, "\n", EXIT_FAILED, "not understood");
	expect(f, TESTING_SAY, "hello\n", EXIT_FAILED, "not understood");
	expect(f, TESTING_SAY, "[]\n", EXIT_FAILED, "no \"ok\"");
	expect(f, TESTING_SAY, "{}\n", EXIT_FAILED, "no \"ok\"");
	expect(f, TESTING_SAY, "{\"ok\":1}\n", EXIT_FAILED, "no \"ok\"");
	expect(f, TESTING_SAY, "{\"ok\":true} x\n", EXIT_FAILED,
	       "same version");
	expect(f, TESTING_SAY, "{\"ok\":true,\"n\":\"\xFF\"}\n", EXIT_FAILED,
	       "unable to decode");
	expect(f, TESTING_HANG_UP, "", EXIT_FAILED, "without an answer");
	expect(f, TESTING_HANG_UP, "{\"ok\":true}", EXIT_FAILED,
	       "in the middle");
}

static void
test_refused(void **state)
{
	static const struct {
		const char *text, *error;
		int code;
	} rows[] = {
		{ "{\"ok\":false,\"error\":\"no such call\",\"exit\":3}\n",
		  "no such call", 3 },
		{ "{\"ok\":false,\"error\":\"a\",\"exit\":1}\n", "a", 1 },
		{ "{\"ok\":false,\"error\":\"a\",\"exit\":2}\n", "a", 2 },
		{ "{\"ok\":false,\"error\":\"a\",\"exit\":4}\n", "a", 4 },
		{ "{\"ok\":false,\"error\":\"a\",\"exit\":5}\n", "a", 5 },
		/* a failure never looks like success */
		{ "{\"ok\":false,\"error\":\"a\",\"exit\":0}\n", "a", 1 },
		{ "{\"ok\":false,\"error\":\"a\",\"exit\":256}\n", "a", 1 },
		{ "{\"ok\":false,\"error\":\"a\",\"exit\":-1}\n", "a", 1 },
		{ "{\"ok\":false,\"error\":\"a\"}\n", "a", 1 },
		{ "{\"ok\":false}\n", "did not say why", 1 },
		{ "{\"ok\":false,\"error\":\"\"}\n", "did not say why", 1 },
		{ "{\"ok\":false,\"error\":7,\"exit\":4}\n", "not say why", 4 },
	};
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		expect(f, TESTING_SAY, rows[i].text, rows[i].code,
		       rows[i].error);
	/* the connection lives on after a refusal */
	assert_true(f->client.fd >= 0);
}

/* Neither silence nor one byte now and then keeps anybody waiting. */
static void
test_slow(void **state)
{
	static const char drops[] = "{\"ok\":true,     \"n\":12345678}\n";
	struct fixture *f = *state;

	expect_within(f, 300, TESTING_SILENCE, "", EXIT_FAILED, "within 0.3 s");
	assert_int_equal(f->client.fd, -1);
	expect_within(f, 300, TESTING_DRIP, drops, EXIT_FAILED, "within 0.3 s");
}

static void
test_flood(void **state)
{
	static char flood[1 << 16];
	const struct testing_answer answer = { TESTING_FLOOD, flood };
	struct fixture *f = *state;
	struct testing_recorder *recorder =
	    testing_recorder_new(f->home.control_path, &answer, 1);

	memset(flood, ' ', sizeof(flood) - 1);
	assert_int_equal(control_client_init(&f->client, &f->home), 0);
	assert_int_equal(ask(f, 120000), EXIT_FAILED);
	assert_error(f, "longer than 64 MiB");
	free(testing_recorder_end(recorder));
}

/* Several questions on one connection; two answers may come at once. */
static void
test_in_order(void **state)
{
	static const struct testing_answer answers[] = {
		{ TESTING_SAY,
		  "{\"ok\":true,\"n\":1}\n{\"ok\":true,\"n\":2}\n" },
		{ TESTING_SAY, "{\"ok\":true,\"n\":3}\n" },
	};
	struct fixture *f = *state;
	struct testing_recorder *recorder =
	    testing_recorder_new(f->home.control_path, answers, 2);
	char *requests;
	int n;

	assert_int_equal(control_client_init(&f->client, &f->home), 0);
	for (n = 1; n <= 3; n++) {
		assert_int_equal(ask(f, 10000), 0);
		assert_int_equal(
		    json_integer_value(json_object_get(f->answer, "n")), n);
	}
	control_client_fini(&f->client);
	requests = testing_recorder_end(recorder);
	assert_non_null(strstr(requests, "{\"op\":\"status\"}\n{\"op\""));
	free(requests);
}

/* ---- requests ---------------------------------------------------------- */

static void
test_request_too_long(void **state)
{
	const struct testing_answer answer = { TESTING_SAY, "{\"ok\":true}\n" };
	struct fixture *f = *state;
	struct testing_recorder *recorder =
	    testing_recorder_new(f->home.control_path, &answer, 1);
	char *text = malloc(CONTROL_REQUEST_BYTES);
	size_t n = CONTROL_REQUEST_BYTES - strlen("{\"op\":\"\"}\n");

	assert_non_null(text);
	memset(text, 'x', CONTROL_REQUEST_BYTES);
	assert_int_equal(control_client_init(&f->client, &f->home), 0);
	text[n] = '\0';
	assert_int_equal(control_client_ask(&f->client,
					    json_pack("{ss}", "op", text),
					    10000, &f->answer),
			 0);
	json_decref(f->answer);
	text[n] = 'x';
	text[n + 1] = '\0';
	assert_int_equal(control_client_ask(&f->client,
					    json_pack("{ss}", "op", text),
					    10000, &f->answer),
			 EXIT_USAGE);
	assert_error(f, "more than a recorder can be asked");
	free(text);
	control_client_fini(&f->client);
	free(testing_recorder_end(recorder));
}

static void
test_no_memory(void **state)
{
	const struct testing_answer answer = { TESTING_SAY, "{\"ok\":true}\n" };
	struct fixture *f = *state;
	struct testing_recorder *recorder =
	    testing_recorder_new(f->home.control_path, &answer, 1);

	assert_int_equal(control_client_init(&f->client, &f->home), 0);
	assert_int_equal(control_client_ask(&f->client, NULL, 100, &f->answer),
			 EXIT_FAILED);
	assert_error(f, "not enough memory");
	control_client_fini(&f->client);
	assert_int_equal(control_client_init(&f->client, &f->home), 0);
	testing_fail_allocation(1);
	assert_int_equal(ask(f, 10000), EXIT_FAILED);
	testing_fail_allocation(0);
	assert_error(f, "not enough memory");
	control_client_fini(&f->client);
	free(testing_recorder_end(recorder));
}

/* ---- words ------------------------------------------------------------- */

/* Run on stderr that is a file. */
static char *
complaint(const struct fixture *f, const struct control_client *client)
{
	char path[300], *text;
	uint8_t *bytes;
	size_t n;
	int saved = dup(STDERR_FILENO);

	snprintf(path, sizeof(path), "%.200s/err", f->folder);
	assert_non_null(freopen(path, "w", stderr));
	control_client_complain(client);
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	bytes = testing_read_file(path, &n);
	text = calloc(1, n + 1);
	assert_non_null(text);
	memcpy(text, bytes, n);
	free(bytes);
	return text;
}

/* Each mistake on a line of its own, and nothing that a terminal obeys. */
static void
test_complain(void **state)
{
	static const char line[] =
	    "{\"ok\":false,\"error\":\"policy.yaml:3:1: no\\n\\n"
	    "policy.yaml:9:7: \\u001b[2J\\u202eno\\n\",\"exit\":1}";
	struct fixture *f = *state;
	char *text;

	log_init("spanrec", LOG_LEVEL_INFO);
	assert_int_equal(
	    control_client_parse(&f->client, line, strlen(line), &f->answer),
	    1);
	text = complaint(f, &f->client);
	assert_string_equal(text, "spanrec: policy.yaml:3:1: no\n"
				  "spanrec: policy.yaml:9:7: ?[2J???no\n");
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_address),   TEST(test_long_path),
		TEST(test_nobody),    TEST(test_not_allowed),
		TEST(test_answers),   TEST(test_refused),
		TEST(test_slow),      TEST(test_flood),
		TEST(test_in_order),  TEST(test_request_too_long),
		TEST(test_no_memory), TEST(test_complain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
