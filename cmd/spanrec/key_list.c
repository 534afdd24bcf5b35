/* SPDX-License-Identifier: GPL-3.0-or-later */
/* key list: who can open recordings, and how many. */
#include "cmd/spanrec/key_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <jansson.h>

#include "cmd/common/exit.h"
#include "cmd/common/log.h"

/* Keys that are told of: recipients, and those of before. */
#define KEYS_MAX 32

struct seen {
	uint8_t fingerprint[STORE_FINGERPRINT_BYTES];
	const struct store_recipient *recipient; /* NULL: is none any more */
	uint64_t slots;
};

enum { JSON = 0x200, CSV };

struct list {
	struct spanrec *spanrec;
	enum spanrec_format format;
	struct store_recipient recipients[STORE_RECIPIENTS_MAX];
	int count;
	struct seen seen[KEYS_MAX];
	size_t keys;
	uint64_t slots, unread, unknown, unknown_ours;
	struct store_key_file private; /* the private key here */
	int private_error; /* ... could not be read: negative errno */
};

static const char doc[] =
    "Who can open recordings: the keys that new ones are sealed to, those that "
    "older ones are, and how many each opens; and whether a private key is "
    "here.\v"
    "Of recordings that were made before this was written down it is not known "
    "whose they are; with a private key at hand that is not sealed, those that "
    "it opens are counted.\n\n"
    "Example:\n"
    "  spanrec key list\n"
    "  spanrec key list --json\n";

static const struct argp_option options[] = {
	{ "json", JSON, NULL, 0, "One JSON object a line", 0 },
	{ "csv", CSV, NULL, 0, "Comma-separated", 0 },
	{ 0 },
};

static error_t
parse(int key, char *value, struct argp_state *state)
{
	struct list *list = state->input;

	(void)value;
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = list->spanrec;
		return 0;
	case JSON:
		return spanrec_format_option(state, &list->format,
					     SPANREC_JSON);
	case CSV:
		return spanrec_format_option(state, &list->format, SPANREC_CSV);
	case ARGP_KEY_ARG:
		argp_error(state, "'key list' takes no argument");
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* NULL: there are too many. */
static struct seen *
seen_of(struct list *list, const uint8_t fingerprint[STORE_FINGERPRINT_BYTES])
{
	struct seen *seen = list->seen;

	while (seen < list->seen + list->keys &&
	       memcmp(seen->fingerprint, fingerprint,
		      sizeof(seen->fingerprint)) != 0)
		seen++;
	if (seen == list->seen + KEYS_MAX)
		return NULL;
	if (seen == list->seen + list->keys) {
		memcpy(seen->fingerprint, fingerprint,
		       sizeof(seen->fingerprint));
		list->keys++;
	}
	return seen;
}

static int
count_slot(void *ctx, const struct store_slot *slot)
{
	struct list *list = ctx;
	struct store_reseal opened;

	list->slots++;
	if (!slot->readable) {
		list->unread++;
	} else if (!slot->known) {
		list->unknown++;
		if (list->spanrec->identity &&
		    store_reseal_make(&opened, list->spanrec->identity, slot,
				      NULL, 0) == 0)
			list->unknown_ours++;
	}
	for (uint32_t i = 0; slot->known && i < slot->sealed.count; i++) {
		struct seen *seen = seen_of(list, slot->sealed.fingerprints[i]);

		if (seen)
			seen->slots++;
	}
	return 0;
}

static void
print_key(const struct list *list, const struct seen *seen)
{
	char text[2 * STORE_FINGERPRINT_BYTES + 1];
	char since[SPANREC_TIME_BYTES] = "the beginning";

	store_hex(text, seen->fingerprint, sizeof(seen->fingerprint));
	if (seen->recipient && seen->recipient->since_ns)
		spanrec_time_local(list->spanrec->zone,
				   seen->recipient->since_ns, since);
	fprintf(list->spanrec->out, "  %s  %-8s opens %" PRIu64, text,
		seen->recipient
		    ? store_recipient_role_name(seen->recipient->role)
		    : "former",
		seen->slots);
	if (seen->recipient)
		fprintf(list->spanrec->out, " and new ones, since %s\n", since);
	else
		fputs("; new recordings are not sealed to it\n",
		      list->spanrec->out);
}

static void
print_private(const struct list *list)
{
	const char *path = spanrec_key_path(list->spanrec);
	const struct store_key_file *found = &list->private;
	char text[STORE_FINGERPRINT_TEXT];
	const char *role = "none of these";
	int r = list->private_error;

	if (r == -ENOENT) {
		fprintf(list->spanrec->out, "Private key here: none (%s)\n",
			*path ? path : "none is named");
		return;
	}
	if (r) {
		fprintf(
		    list->spanrec->out,
		    "Private key here: %s, which cannot be read: %s\n", path,
		    r == -EBADMSG ? "it is damaged, or is none" : strerror(-r));
		return;
	}
	for (int i = 0; i < list->count; i++)
		if (memcmp(&list->recipients[i].pub, &found->pub,
			   sizeof(found->pub)) == 0)
			role =
			    store_recipient_role_name(list->recipients[i].role);
	store_fingerprint_text(text, &found->pub);
	fprintf(list->spanrec->out, "Private key here: %s, %s (%s), %s\n", path,
		text, role,
		found->sealed ? "sealed by a passphrase"
			      : "without passphrase");
}

static void
print(const struct list *list)
{
	FILE *out = list->spanrec->out;

	fprintf(out, "%" PRIu64 " recordings have a key. Who opens them:\n",
		list->slots);
	for (size_t i = 0; i < list->keys; i++)
		print_key(list, &list->seen[i]);
	if (list->unknown)
		fprintf(out,
			"  not written down whose: %" PRIu64
			"%s (key rotate or key escrow --existing writes it)\n",
			list->unknown,
			list->unknown_ours == list->unknown
			    ? ", the private key here opens them"
			    : "");
	if (list->unread)
		fprintf(out, "  damaged: %" PRIu64 "\n", list->unread);
	print_private(list);
	if (list->count == 1)
		fputs("Warning: only one key opens new recordings. If all "
		      "copies of it are lost, or its\npassphrase is, nobody "
		      "can ever listen to them: keep a copy in a safe, or add "
		      "an\nescrow key: spanrec key escrow --public-key F "
		      "--existing\n",
		      out);
}

/* ---- JSON, CSV ----------------------------------------------------------- */

static const char *const names[] = { "fingerprint", "role",    "since",
				     "recordings",  "private", "path" };

static const struct spanrec_rows rows = {
	.names = names,
	.names_count = sizeof(names) / sizeof(*names),
};

/* @param fingerprint STORE_FINGERPRINT_BYTES; NULL: it is not known
 * @return 0, -ENOMEM */
static int
add_row(json_t *array, const uint8_t *fingerprint, const char *role,
	uint64_t recordings)
{
	char text[STORE_FINGERPRINT_TEXT] = "";
	json_t *row;

	if (fingerprint)
		store_hex(text, fingerprint, STORE_FINGERPRINT_BYTES);
	row =
	    json_pack("{ss? ss sn sI sn sn}", "fingerprint",
		      fingerprint ? text : NULL, "role", role, "since",
		      "recordings", (json_int_t)recordings, "private", "path");
	return json_array_append_new(array, row) ? -ENOMEM : 0;
}

/* The private key that is here, beside the key that it is of.
 * @return 0, -ENOMEM */
static int
set_private(const struct list *list, json_t *row)
{
	const int r = list->private_error;

	return json_object_set_new(row, "private",
				   json_string(r ? "unreadable"
					       : list->private.sealed
						   ? "passphrase"
						   : "plain")) ||
		       spanrec_json_set(row, "path",
					spanrec_key_path(list->spanrec))
		   ? -ENOMEM
		   : 0;
}

/* @return 0, -ENOMEM */
static int
set_since(json_t *row, const struct store_recipient *recipient)
{
	char text[SPANREC_TIME_BYTES];

	if (!recipient || !recipient->since_ns)
		return 0;
	spanrec_time_utc(recipient->since_ns, text);
	return spanrec_json_set(row, "since", text) ? -ENOMEM : 0;
}

static json_t *
last_of(const json_t *array)
{
	return json_array_get(array, json_array_size(array) - 1);
}

/* @return 0, -ENOMEM */
static int
add_keys(const struct list *list, json_t *array)
{
	uint8_t here[STORE_FINGERPRINT_BYTES];
	bool told = list->private_error == -ENOENT;
	int r = 0;

	store_fingerprint(here, &list->private.pub);
	for (size_t i = 0; i < list->keys && r == 0; i++) {
		const struct seen *seen = &list->seen[i];
		const struct store_recipient *is = seen->recipient;

		r = add_row(array, seen->fingerprint,
			    is ? store_recipient_role_name(is->role) : "former",
			    seen->slots);
		if (r == 0)
			r = set_since(last_of(array), is);
		if (r || list->private_error ||
		    memcmp(here, seen->fingerprint, sizeof(here)) != 0)
			continue;
		told = true;
		r = set_private(list, last_of(array));
	}
	if (r || told)
		return r;
	r = add_row(array, list->private_error ? NULL : here, "none", 0);
	return r ? r : set_private(list, last_of(array));
}

/* @return exit code */
static int
print_rows(const struct list *list)
{
	json_t *array = json_array();
	int r = array ? add_keys(list, array) : -ENOMEM;

	if (r == 0 && list->unknown)
		r = add_row(array, NULL, "unknown", list->unknown);
	if (r == 0 && list->unread)
		r = add_row(array, NULL, "damaged", list->unread);
	if (r)
		log_error("not enough memory");
	r = r ? EXIT_FAILED
	      : spanrec_rows_print(list->spanrec, &rows, array, list->format);
	json_decref(array);
	return r;
}

int
spanrec_key_list(struct spanrec *spanrec, int argc, char **argv)
{
	static const struct argp argp = { .options = options,
					  .parser = parse,
					  .doc = doc,
					  .children = spanrec_global_options };
	struct list list = { .spanrec = spanrec };
	int rc, r;

	if (argp_parse(&argp, argc, argv, 0, NULL, &list))
		return EXIT_USAGE;
	rc = spanrec_open(spanrec, STORE_READ);
	if (!rc)
		rc = spanrec_may_all(spanrec, POLICY_RIGHT_OPERATE);
	if (rc)
		return rc;
	/* Not asked for, and of escrow not entered: nothing is listened to. */
	(void)!store_identity_open(&spanrec->identity,
				   spanrec_key_path(spanrec), NULL);
	list.count = store_recipients(spanrec->archive, list.recipients);
	for (int i = 0; i < list.count; i++) {
		uint8_t fingerprint[STORE_FINGERPRINT_BYTES];

		store_fingerprint(fingerprint, &list.recipients[i].pub);
		seen_of(&list, fingerprint)->recipient = &list.recipients[i];
	}
	r = list.count < 0 ? list.count
			   : store_slots(spanrec->archive, count_slot, &list);
	if (r) {
		log_error("the keys of %s cannot be read: %s",
			  spanrec->home.archive_path, strerror(-r));
		return exit_code(r);
	}
	list.private_error =
	    store_key_file_look(&list.private, spanrec_key_path(spanrec));
	if (list.format != SPANREC_TABLE)
		return print_rows(&list);
	print(&list);
	return 0;
}
