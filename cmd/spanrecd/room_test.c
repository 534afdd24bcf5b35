/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When recordings give way, by what a made-up disk and clock show. */
#include "cmd/spanrecd/room.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000000)

static const struct giveway_disk roomy = { .free_bytes = 500,
					   .total_bytes = 1000 };
static const struct giveway_disk filled = { .free_bytes = 100,
					    .total_bytes = 1000 };

static void
a_round(void **state)
{
	const struct giveway_result part = { .recordings = 2,
					     .bytes = 40,
					     .more = true };
	struct room room = { 0 };

	(void)state;
	assert_false(room_look(&room, &roomy, 16, SECOND));
	assert_false(room.making);
	assert_int_equal(room.look_ns, 6 * SECOND);
	assert_true(room_look(&room, &filled, 16, 6 * SECOND));
	assert_true(room.making);
	assert_int_equal(room.want.bytes, 80);
	/* it goes on until so much is gone, whatever the disk shows meanwhile
	 */
	room.want.bytes -= 40;
	assert_int_equal(room_note(&room, &part, 7 * SECOND), ROOM_MORE);
	assert_true(room.making);
	room.want.bytes -= 40;
	assert_int_equal(room_note(&room, &part, 8 * SECOND), ROOM_MADE);
	assert_false(room.making);
	assert_int_equal(room.recordings, 4);
	assert_int_equal(room.bytes, 80);
	assert_int_equal(room.look_ns, 13 * SECOND);
}

static void
nothing_gives_way(void **state)
{
	const struct giveway_result none = { 0 },
				    failed = { .failed = 1, .more = true },
				    last = { .recordings = 1, .bytes = 10 };
	struct room room = { 0 };

	(void)state;
	assert_true(room_look(&room, &filled, 16, 0));
	assert_int_equal(room_note(&room, &none, 0), ROOM_NONE);
	assert_false(room.making);
	assert_int_equal(room.look_ns, 60 * SECOND);
	/* what cannot be deleted is not tried for ever */
	assert_true(room_look(&room, &filled, 16, 60 * SECOND));
	assert_int_equal(room_note(&room, &failed, 60 * SECOND), ROOM_NONE);
	assert_int_equal(room.look_ns, 120 * SECOND);
	/* some, but not as many as were wanted */
	assert_true(room_look(&room, &filled, 16, 120 * SECOND));
	room.want.bytes -= 10;
	assert_int_equal(room_note(&room, &last, 120 * SECOND), ROOM_MADE);
	assert_int_equal(room.look_ns, 125 * SECOND);
}

static void
it_was_no_use(void **state)
{
	const struct giveway_result part = { .recordings = 2, .bytes = 80 };
	struct giveway_disk disk = filled;
	struct room room = { 0 };

	(void)state;
	assert_true(room_look(&room, &filled, 16, 0));
	room.want.bytes = 0;
	assert_int_equal(room_note(&room, &part, 0), ROOM_MADE);
	disk.free_bytes += 40;
	assert_true(room_helped(&room, &disk, 0));
	assert_int_equal(room.look_ns, 5 * SECOND);
	disk.free_bytes--;
	assert_false(room_helped(&room, &disk, 0));
	assert_int_equal(room.look_ns, 30 * SECOND);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_round),
		cmocka_unit_test(nothing_gives_way),
		cmocka_unit_test(it_was_no_use),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
