/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tables: widths, sorting, cutting.
 */
#include "tests/unit/shm/unit.h"

#include "shm/ctl/table.h"

#include <string.h>

enum {
	MANY = 20000
};

static const struct table_column columns[] = {
	{ "name", false },
	{ "n", true },
};

static void
fill(struct table *table)
{
	table_init(table, columns, 2);
	table_text(table, "b");
	table_number(table, 2, "2");
	table_text(table, "a\033c");
	table_number(table, 10, "10");
	table_text(table, "longest");
	table_number(table, 2, "2.0");
}

static void
columns_are_as_wide_as_their_cells(void **state)
{
	struct table table;
	char line[64];

	(void)state;
	fill(&table);
	assert_int_equal(table_rows(&table), 3);
	table_line(&table, -1, line, sizeof(line));
	assert_string_equal(line, "name       n");
	table_line(&table, 0, line, sizeof(line));
	assert_string_equal(line, "b          2");
	table_line(&table, 1, line, sizeof(line));
	assert_string_equal(line, "a?c       10");
	table_line(&table, 2, line, 5);
	assert_string_equal(line, "long");
	table_free(&table);
}

static void
numbers_sort_from_the_greatest_and_stay_in_order(void **state)
{
	struct table table;

	(void)state;
	fill(&table);
	table_sort(&table, 1);
	assert_string_equal(table.cells[0].text, "a?c");
	assert_string_equal(table.cells[2].text, "b");
	assert_string_equal(table.cells[4].text, "longest");
	table_sort(&table, 0);
	assert_string_equal(table.cells[0].text, "a?c");
	assert_string_equal(table.cells[1].text, "10");
	table_sort(&table, 7); /* there is none */
	table_free(&table);
}

/* As many as a busy server has requests, in no order. */
static void
many_rows_are_sorted_and_shown(void **state)
{
	struct table table;
	char line[64];
	int i;

	(void)state;
	table_init(&table, columns, 2);
	for (i = 0; i < MANY; i++) {
		table_text(&table, "x");
		table_number(&table, (double)(i * 7919L % MANY), "y");
	}
	assert_int_equal(table_rows(&table), MANY);
	assert_false(table.failed);
	table_sort(&table, 1);
	for (i = 0; i < MANY; i++) {
		assert_true(table.cells[2 * i + 1].key == MANY - 1 - i);
		table_line(&table, i, line, sizeof(line));
		assert_string_equal(line, "x     y");
	}
	table_free(&table);
	table_free(&table);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(columns_are_as_wide_as_their_cells),
	cmocka_unit_test(numbers_sort_from_the_greatest_and_stay_in_order),
	cmocka_unit_test(many_rows_are_sorted_and_shown),
};

UNIT_MAIN(tests)
