/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is kept of what became of connections: all counts, and of the list what
 * is rare.
 */
#include "master/fate.h"
#include "tests/unit/master/test.h"

#include <stdlib.h>

enum {
	MANY = 10 * FATE_ENTRIES
};

static struct fates *
tell_many(enum fate fate)
{
	const struct slot_peer peer = { .port = 7 };
	struct fates *fates = calloc(1, sizeof(*fates));

	assert_non_null(fates);
	for (uint32_t i = 0; i < MANY; i++)
		fate_tell(fates, fate, i, 1, &peer);
	return (fates);
}

static size_t
listed(const struct fates *fates, enum fate fate)
{
	size_t count = 0;

	for (size_t i = 0; i < fates->count; i++)
		count += fates->entries[i].fate == fate;
	return (count);
}

static void
the_list_is_bounded_and_the_counts_are_not(void **state)
{
	struct fates *fates = tell_many(FATE_RESET);

	(void)state;
	assert_int_equal(fates->counts[FATE_RESET], MANY);
	assert_int_equal(fates->count, FATE_ENTRIES);
	assert_int_equal(
	    fates->entries[FATE_ENTRIES - 1].slot, FATE_ENTRIES - 1);
	assert_int_equal(fates->entries[0].peer.port, 7);
	free(fates);
}

static void
what_is_rare_takes_the_place_of_what_is_not(void **state)
{
	const struct slot_peer peer = { .port = 7 };
	struct fates *fates = tell_many(FATE_ADOPTED);

	(void)state;
	for (uint32_t i = 0; i < 3; i++)
		fate_tell(fates, FATE_REPLAYED, MANY + i, 1, &peer);
	assert_int_equal(listed(fates, FATE_REPLAYED), 3);
	assert_int_equal(listed(fates, FATE_ADOPTED), FATE_ENTRIES - 3);
	fate_tell(fates, FATE_ADOPTED, 0, 1, &peer);
	assert_int_equal(listed(fates, FATE_REPLAYED), 3);
	for (uint32_t i = 0; i < MANY; i++)
		fate_tell(fates, FATE_REFUSED, i, 1, &peer);
	assert_int_equal(listed(fates, FATE_REPLAYED), 3);
	assert_int_equal(listed(fates, FATE_REFUSED), FATE_ENTRIES - 3);
	assert_int_equal(fates->counts[FATE_ADOPTED], MANY + 1);
	assert_int_equal(fates->counts[FATE_REFUSED], MANY);
	free(fates);
}

static void
a_successor_can_say_only_what_there_is(void **state)
{
	enum fate fate;

	(void)state;
	for (uint32_t how = 0; how < TAKEN_HOWS; how++) {
		assert_true(fate_of_taken(how, &fate));
		assert_non_null(fate_name(fate));
	}
	assert_true(fate_of_taken(TAKEN_REFUSED, &fate));
	assert_string_equal(fate_name(fate), "answered_502");
	assert_false(fate_of_taken(TAKEN_HOWS, &fate));
	assert_false(fate_of_taken(UINT32_MAX, &fate));
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_list_is_bounded_and_the_counts_are_not),
		cmocka_unit_test(what_is_rare_takes_the_place_of_what_is_not),
		cmocka_unit_test(a_successor_can_say_only_what_there_is),
	};

	return (RUN_TESTS(argc, argv, tests));
}
