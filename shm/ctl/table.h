/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tables for people: cells are added one after the other, each with what it
 * is sorted by; columns get as wide as they need to be.
 */
#ifndef SHM_CTL_TABLE_H
#define SHM_CTL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct table_column {
	const char *title;
	bool right; /* numbers; their rows are sorted from the greatest */
};

struct table_cell {
	char *text;
	double key; /* of a right column */
};

struct table {
	const struct table_column *columns;
	size_t column_count;
	size_t *widths;           /* of the columns, so far */
	struct table_cell *cells; /* row by row */
	size_t cell_count;
	size_t room;
	bool failed; /* no memory: the table is not complete */
};

/* table_init(table, columns, count): empty; ${columns} stays. */
void table_init(
    struct table *table, const struct table_column *columns, size_t count);
void table_free(struct table *table);

/*
 * table_text(table, text): the next cell; printable from here on.
 * table_number(table, key, text): one that is sorted by ${key}.
 */
void table_text(struct table *table, const char *text);
void table_number(struct table *table, double key, const char *text);

size_t table_rows(const struct table *table);

/* table_sort(table, column): stable. */
void table_sort(struct table *table, size_t column);

/*
 * table_line(table, row, ret_text, size):
 * A whole row (or the titles: row -1) in its columns, cut to ${size} - 1.
 */
void table_line(
    const struct table *table, long row, char *ret_text, size_t size);

/* table_print(table, out): titles and rows. */
void table_print(const struct table *table, FILE *out);

#endif
