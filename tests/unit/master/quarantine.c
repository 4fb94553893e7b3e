/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How many crashes of a module count.
 */
#include "master/quarantine.h"
#include "tests/unit/master/test.h"

static void
crash(struct quarantine_module *module, uint64_t time_ns)
{
	module->times_ns[module->crashes++ % QUARANTINE_CRASHES_MAX] = time_ns;
}

static void
counts_what_is_in_the_window(void **state)
{
	struct quarantine_module module = { .crashes = 0 };

	(void)state;
	assert_int_equal(quarantine_count(&module, 1000, 100), 0);
	crash(&module, 100);
	crash(&module, 910);
	crash(&module, 950);
	crash(&module, 1000);
	assert_int_equal(quarantine_count(&module, 1000, 90), 3);
	assert_int_equal(quarantine_count(&module, 1000, 89), 2);
	assert_int_equal(quarantine_count(&module, 1000, 10000), 4);
	assert_int_equal(quarantine_count(&module, 5000, 10), 0);
}

static void
forgets_what_was_pardoned(void **state)
{
	struct quarantine_module module = { .crashes = 0 };

	(void)state;
	for (uint64_t i = 0; i < 5; i++)
		crash(&module, 100 + i);
	module.pardoned = module.crashes;
	assert_int_equal(quarantine_count(&module, 110, 1000), 0);
	crash(&module, 111);
	assert_int_equal(quarantine_count(&module, 112, 1000), 1);
}

static void
remembers_no_more_than_it_has_room_for(void **state)
{
	struct quarantine_module module = { .crashes = 0 };

	(void)state;
	for (uint64_t i = 0; i < 1000; i++)
		crash(&module, i);
	assert_int_equal(
	    quarantine_count(&module, 1000, 100000), QUARANTINE_CRASHES_MAX);
	assert_int_equal(quarantine_count(&module, 1000, 10), 10);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_what_is_in_the_window),
		cmocka_unit_test(forgets_what_was_pardoned),
		cmocka_unit_test(remembers_no_more_than_it_has_room_for),
	};

	return (RUN_TESTS(argc, argv, tests));
}
