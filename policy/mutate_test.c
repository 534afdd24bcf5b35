/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Each policy that is an example, broken in 200 ways by a fixed seed: none is
 * let through, and a mistake is reported within a line of what was broken.
 */
#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cmd/testing/testing.h"
#include "policy/policy.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SEED         UINT64_C(20190930)
#define VERSIONS     200
#define LINES_MAX    4000
#define TRIES        20000

/** A line of YAML as far as this has to understand it. */
struct line {
	const char *text;
	size_t n;      /* without its end */
	size_t dash_n; /* bytes up to the key: spaces and dashes */
	size_t key_n;  /* 0: no key begins this line */
	size_t value;  /* offset */
	size_t value_n;
	bool dashed;
	bool closed; /* the value is all on this line, and there is one */
};

struct file {
	char *text;
	size_t count;
	struct line lines[LINES_MAX];
	uint64_t random;
};

static uint64_t
next_random(struct file *file)
{
	file->random ^= file->random << 13;
	file->random ^= file->random >> 7;
	file->random ^= file->random << 17;
	return file->random;
}

/* ---- reading lines ------------------------------------------------------- */

/** What is open where a line ends. */
struct open {
	int brackets;
	char quote;
};

/** Follow brackets and quotes. @return bytes before a comment */
static size_t
line_scan(const char *text, size_t n, struct open *open)
{
	for (size_t i = 0; i < n; i++) {
		char c = text[i];

		if (open->quote) {
			if (c == '\\' && open->quote == '"')
				i++;
			else if (c == open->quote)
				open->quote = '\0';
		} else if (c == '#' && (i == 0 || text[i - 1] == ' ')) {
			return i;
		} else if ((c == '"' || c == '\'') && i > 0 &&
			   strchr(" [{,", text[i - 1])) {
			open->quote = c;
		} else if (c == '[' || c == '{') {
			open->brackets++;
		} else if (c == ']' || c == '}') {
			open->brackets--;
		}
	}
	return n;
}

static void
key_find(struct line *line, size_t n)
{
	size_t i = 0, end;

	while (i < n && (line->text[i] == ' ' ||
			 (line->text[i] == '-' && line->text[i + 1] == ' ')))
		line->dashed |= line->text[i++] == '-';
	line->dash_n = i;
	for (end = i; end < n; end++) {
		char c = line->text[end];

		if (c == ':' && (end + 1 == n || line->text[end + 1] == ' '))
			break;
		if (!isalnum((unsigned char)c) && !strchr("_- ", c))
			return;
	}
	if (end == n)
		return;
	line->key_n = end - i;
	for (end++; end < n && line->text[end] == ' ';)
		end++;
	line->value = end;
	while (n > end && line->text[n - 1] == ' ')
		n--;
	line->value_n = n - end;
}

static size_t
indent_of(const struct line *line)
{
	return strspn(line->text, " ");
}

static bool
is_blank(const struct line *line)
{
	size_t n = indent_of(line);

	return n >= line->n || line->text[n] == '#';
}

/** A value goes on in the next line if that stands further in. */
static void
close_lines(struct file *file)
{
	for (size_t i = 0; i < file->count; i++) {
		struct line *line = &file->lines[i];
		size_t next = i + 1;

		while (next < file->count && is_blank(&file->lines[next]))
			next++;
		if (line->closed && next < file->count &&
		    indent_of(&file->lines[next]) > line->dash_n)
			line->closed = false;
	}
}

static void
file_read(struct file *file, const char *path)
{
	struct open open = { 0 };
	size_t n, literal = SIZE_MAX;
	uint8_t *bytes = testing_read_file(path, &n);
	char *at;

	memset(file, 0, sizeof(*file));
	file->text = strndup((const char *)bytes, n);
	free(bytes);
	for (at = file->text; *at; at += *at == '\n') {
		struct line *line = &file->lines[file->count++];
		size_t end;

		assert_true(file->count < LINES_MAX);
		line->text = at;
		line->n = strcspn(at, "\n");
		at += line->n;
		if (literal != SIZE_MAX &&
		    (is_blank(line) || indent_of(line) > literal))
			continue;
		literal = SIZE_MAX;
		if (open.brackets || open.quote) {
			line_scan(line->text, line->n, &open);
			continue;
		}
		end = line_scan(line->text, line->n, &open);
		if (is_blank(line))
			continue;
		key_find(line, end);
		if (!line->key_n || !line->value_n)
			continue;
		if (strchr("|>", line->text[line->value]))
			literal = line->dash_n;
		else
			line->closed = !open.brackets && !open.quote;
	}
	close_lines(file);
}

static bool
key_is_of(const struct line *line, const char *const *keys)
{
	for (; *keys; keys++) {
		if (strlen(*keys) == line->key_n &&
		    !strncmp(*keys, line->text + line->dash_n, line->key_n))
			return true;
	}
	return false;
}

/* ---- breaking lines ------------------------------------------------------ */

/** Write a line broken. @return false: it cannot be broken in this way */
typedef bool (*mutate_fn)(const struct line *line, FILE *to);

static void
put(const struct line *line, size_t from, size_t n, FILE *to)
{
	fprintf(to, "%.*s", (int)n, line->text + from);
}

static bool
key_misspelt(const struct line *line, FILE *to)
{
	static const char *const keys[] = {
		"version",   "organisation", "name",        "time_zone",
		"numbering", "country",      "decision",    "match",
		"direction", "reason",       "numbers",     "approved_by",
		"approved",  "review_by",    "triggers",    "look_back",
		"from",      "to",           "call",        "expect",
		"at",        "max",          "owner",       "extensions",
		"queues",    "proposed_by",  "resume_keys", NULL
	};
	size_t n = line->dash_n + line->key_n;

	if (!key_is_of(line, keys))
		return false;
	put(line, 0, n - 1, to);
	fprintf(to, "q%c", line->text[n - 1]);
	put(line, n, line->n - n, to);
	return true;
}

static bool
key_twice(const struct line *line, FILE *to)
{
	if (!line->closed)
		return false;
	put(line, 0, line->n, to);
	fprintf(to, "\n%*s", (int)line->dash_n, "");
	put(line, line->dash_n, line->n - line->dash_n, to);
	return true;
}

/** Keys whose value is never a list. */
static const char *const single[] = { "version",
				      "name",
				      "time_zone",
				      "reason",
				      "decision",
				      "approved",
				      "max",
				      "min",
				      "title",
				      "revision",
				      "law",
				      "manager",
				      "look_back",
				      "resume",
				      "every",
				      "who",
				      "country",
				      "approved_by",
				      "summary",
				      "review_by",
				      "reference",
				      "ends",
				      "announcement",
				      "start",
				      "kept_until",
				      "gone_by",
				      "kind",
				      "extension_digits",
				      "author",
				      "gives_way",
				      NULL };

static bool
list_for_single(const struct line *line, FILE *to)
{
	if (!line->closed || !key_is_of(line, single))
		return false;
	put(line, 0, line->value, to);
	fputs("[[this, that]]", to);
	return true;
}

static bool
value_gone(const struct line *line, FILE *to)
{
	if (!line->closed || !key_is_of(line, single))
		return false;
	put(line, 0, line->value, to);
	return true;
}

static bool
value_rubbish(const struct line *line, FILE *to)
{
	static const char *const keys[] = {
		"version",        "decision",  "direction",
		"time_zone",      "max",       "min",
		"approved",       "review_by", "in_force",
		"ends",           "look_back", "resume",
		"kind",           "country",   "start",
		"kept_until",     "gone_by",   "every",
		"since",          "metadata",  "hold",
		"dispose_within", "announced", "unknown_party",
		"change",         "per_agent", "play_only",
		"gives_way",      NULL
	};

	if (!line->closed || !key_is_of(line, keys))
		return false;
	put(line, 0, line->value, to);
	fputs("rubbish", to);
	return true;
}

static bool
group_for_value(const struct line *line, FILE *to)
{
	if (!line->closed || !key_is_of(line, single))
		return false;
	put(line, 0, line->value, to);
	fputs("{colour: red}", to);
	return true;
}

/** The names after these must be defined elsewhere. */
static bool
name_undefined(const struct line *line, FILE *to)
{
	static const char *const keys[] = {
		"role: ",      "areas: ", "sites: ",   "authorisers: ",
		"retention: ", "then: ",  "purposes: "
	};
	char text[1024];

	if (!line->key_n || line->n >= sizeof(text) || indent_of(line) == 0)
		return false;
	snprintf(text, sizeof(text), "%.*s", (int)line->n, line->text);
	for (size_t i = 0; i < COUNT(keys); i++) {
		char *at = strstr(text, keys[i]);

		if (!at || !strchr(" {", at[-1]) || strchr(text, '#'))
			continue;
		at += strlen(keys[i]);
		at += *at == '[';
		if (!isalpha((unsigned char)*at))
			continue;
		fprintf(to, "%.*snosuch%s", (int)(at - text), text, at);
		return true;
	}
	return false;
}

static bool
tab_for_spaces(const struct line *line, FILE *to)
{
	if (!line->closed || !indent_of(line) || line->dashed)
		return false;
	fputc('\t', to);
	put(line, line->dash_n, line->n - line->dash_n, to);
	return true;
}

static bool
value_is_alias(const struct line *line, FILE *to)
{
	if (!line->closed)
		return false;
	put(line, 0, line->value, to);
	fputs("*5", to);
	return true;
}

static bool
byte_not_utf8(const struct line *line, FILE *to)
{
	if (!line->key_n)
		return false;
	put(line, 0, line->n, to);
	fputs(" \xff", to);
	return true;
}

static bool
zero_byte(const struct line *line, FILE *to)
{
	if (!line->closed)
		return false;
	put(line, 0, line->value, to);
	fputs("\"a\\0b\"", to);
	return true;
}

static const struct {
	const char *name;
	mutate_fn mutate;
} mutations[] = {
	{ "a key misspelt", key_misspelt },
	{ "a key twice", key_twice },
	{ "a list for a single value", list_for_single },
	{ "a value gone", value_gone },
	{ "rubbish for a value", value_rubbish },
	{ "a group for a value", group_for_value },
	{ "a name that is not defined", name_undefined },
	{ "a tab", tab_for_spaces },
	{ "an alias", value_is_alias },
	{ "a byte that is no UTF-8", byte_not_utf8 },
	{ "a zero byte", zero_byte },
	{ "too far in", NULL },
	{ "an entry without its name", NULL },
};

/** One space more than the key before it: it would go on with its value. */
static bool
too_far_in(const struct file *file, size_t i, FILE *to)
{
	const struct line *line = &file->lines[i], *before = line - 1;

	if (i == 0 || !line->key_n || line->dashed || !before->closed ||
	    before->dash_n != line->dash_n)
		return false;
	fputc(' ', to);
	put(line, 0, line->n, to);
	return true;
}

/** "- name: x" goes; what follows stands in its place. */
static bool
name_gone(struct file *file, size_t i, FILE *to)
{
	static const char *const name[] = { "name", NULL };
	const struct line *line = &file->lines[i];
	struct line *next = &file->lines[i + 1];

	if (i + 1 >= file->count || !line->dashed || !line->closed ||
	    !key_is_of(line, name) || !next->key_n || next->dashed ||
	    next->dash_n != line->dash_n)
		return false;
	put(line, 0, line->dash_n, to);
	put(next, next->dash_n, next->n - next->dash_n, to);
	return true;
}

static bool
mutate(struct file *file, size_t which, size_t i, FILE *to)
{
	if (which == COUNT(mutations) - 2)
		return too_far_in(file, i, to);
	if (which == COUNT(mutations) - 1)
		return name_gone(file, i, to);
	return mutations[which].mutate(&file->lines[i], to);
}

/** @return the text with one line broken; NULL: that line cannot be */
static char *
mutated(struct file *file, size_t which, size_t broken, size_t *n)
{
	char *text = NULL;
	FILE *to = open_memstream(&text, n);
	bool done = false;

	for (size_t i = 0; i < file->count; i++) {
		const struct line *line = &file->lines[i];

		if (i == broken) {
			done = mutate(file, which, i, to);
			if (!done)
				break;
			i += which == COUNT(mutations) - 1;
		} else {
			put(line, 0, line->n, to);
		}
		fputc('\n', to);
	}
	fclose(to);
	if (done)
		return text;
	free(text);
	return NULL;
}

/* ---- the test ------------------------------------------------------------ */

static bool
is_near(const struct policy_errors *errors, size_t line)
{
	for (uint32_t i = 0; i < errors->count; i++) {
		uint32_t where = errors->errors[i].line;

		if (where && where + 1 >= line && where <= line + 1)
			return true;
	}
	return false;
}

static void
must_be_refused(const char *path, const char *text, size_t n, size_t which,
		size_t line)
{
	char *copy = testing_copy(text, n);
	struct policy_errors errors;
	struct policy *policy;
	int err = policy_load(&policy, copy, n, &errors);

	free(copy);
	if (err == -EINVAL && !policy && is_near(&errors, line))
		return;
	if (err == -EINVAL)
		policy_errors_print(&errors, path, stderr);
	fail_msg("%s:%zu: %s: %s", path, line, mutations[which].name,
		 err ? "the mistake is reported elsewhere" : "let through");
}

static void
file_is_good(const struct file *file, const char *path)
{
	struct policy_errors errors;
	struct policy *policy;

	if (policy_load(&policy, file->text, strlen(file->text), &errors)) {
		policy_errors_print(&errors, path, stderr);
		fail_msg("%s is broken before anything is done to it", path);
	}
	policy_free(&policy);
}

static void
break_file(const char *path)
{
	static struct file file;
	size_t used[COUNT(mutations)] = { 0 };
	size_t versions = 0, kinds = 0, n;

	file_read(&file, path);
	file_is_good(&file, path);
	file.random = SEED;
	for (size_t try = 0; try < TRIES && versions < VERSIONS; try++) {
		size_t which = versions % COUNT(mutations);
		size_t line = next_random(&file) % file.count;
		char *text;

		/* a short file has no place for some of them */
		if (try > TRIES / 2)
			which = next_random(&file) % COUNT(mutations);
		text = mutated(&file, which, line, &n);
		if (!text)
			continue;
		must_be_refused(path, text, n, which, line + 1);
		free(text);
		used[which]++;
		versions++;
	}
	for (size_t i = 0; i < COUNT(mutations); i++)
		kinds += used[i] > 0;
	print_message("%s: %zu broken versions of %zu kinds, seed %llu\n", path,
		      versions, kinds, (unsigned long long)SEED);
	assert_int_equal(versions, VERSIONS);
	assert_true(kinds >= COUNT(mutations) - 3);
	free(file.text);
}

static void
nothing_broken_is_let_through(void **state)
{
	glob_t examples;

	(void)state;
	break_file("policy/load_test.yaml");
	if (glob("policy/examples/*.yaml", 0, NULL, &examples))
		return;
	for (size_t i = 0; i < examples.gl_pathc; i++)
		break_file(examples.gl_pathv[i]);
	globfree(&examples);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_broken_is_let_through),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
