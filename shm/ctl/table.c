/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tables for people.
 */
#include "shm/ctl/table.h"

#include <bsd/stdlib.h>
#include <bsd/string.h>
#include <stdlib.h>
#include <string.h>

enum {
	LINE_SIZE = 1024,
	GAP = 2,
};

void
table_init(
    struct table *table, const struct table_column *columns, size_t count)
{
	memset(table, 0, sizeof(*table));
	table->columns = columns;
	table->column_count = count;
}

void
table_free(struct table *table)
{
	size_t i;

	for (i = 0; i < table->cell_count; i++)
		free(table->cells[i].text);
	free(table->cells);
	table->cells = NULL;
	table->cell_count = table->room = 0;
}

void
table_number(struct table *table, double key, const char *text)
{
	struct table_cell *cells;
	size_t room;
	char *c;

	if (table->cell_count == table->room) {
		room = table->room == 0 ? 64 : table->room * 2;
		cells = reallocarray(table->cells, room, sizeof(*cells));
		if (cells == NULL) {
			table->failed = true;
			return;
		}
		table->cells = cells;
		table->room = room;
	}
	if ((c = strdup(text)) == NULL) {
		table->failed = true;
		return;
	}
	table->cells[table->cell_count++] =
	    (struct table_cell){ .text = c, .key = key };
	for (; *c != '\0'; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
}

void
table_text(struct table *table, const char *text)
{
	table_number(table, 0, text);
}

size_t
table_rows(const struct table *table)
{
	return (table->cell_count / table->column_count);
}

/* Does the row at ${a} belong behind the one at ${b}? */
static bool
is_behind(const struct table *table, const struct table_cell *a,
    const struct table_cell *b, size_t column)
{
	if (table->columns[column].right)
		return (a[column].key < b[column].key);
	return (strcmp(a[column].text, b[column].text) > 0);
}

static void
swap_rows(const struct table *table, struct table_cell *a, struct table_cell *b)
{
	struct table_cell cell;
	size_t i;

	for (i = 0; i < table->column_count; i++) {
		cell = a[i];
		a[i] = b[i];
		b[i] = cell;
	}
}

/*
 * Rows come nearly sorted from one look to the next, and there are as many as
 * fit before somebody's eyes; insertion it is, up to a bound.
 */
void
table_sort(struct table *table, size_t column)
{
	const size_t n = table->column_count;
	size_t i, k, rows = table_rows(table);

	if (column >= n)
		return;
	for (i = 1; i < rows; i++)
		for (k = i;
		     k > 0 && is_behind(table, &table->cells[(k - 1) * n],
				  &table->cells[k * n], column);
		     k--)
			swap_rows(table, &table->cells[(k - 1) * n],
			    &table->cells[k * n]);
}

static size_t
column_width(const struct table *table, size_t column)
{
	size_t i, length, width = strlen(table->columns[column].title);

	for (i = column; i < table->cell_count; i += table->column_count) {
		length = strlen(table->cells[i].text);
		if (length > width)
			width = length;
	}
	return (width);
}

/* Append ${text} in ${width} columns; false when the line is full. */
static bool
append(char *line, size_t size, size_t *length, const char *text, size_t width,
    bool right)
{
	size_t used = strlen(text);
	size_t pad = width > used ? width - used : 0;
	size_t i;

	for (i = 0; right && i < pad && *length + 1 < size; i++)
		line[(*length)++] = ' ';
	for (; *text != '\0' && *length + 1 < size; text++)
		line[(*length)++] = *text;
	for (i = 0; !right && i < pad && *length + 1 < size; i++)
		line[(*length)++] = ' ';
	line[*length] = '\0';
	return (*length + 1 < size);
}

void
table_line(const struct table *table, long row, char *ret_text, size_t size)
{
	const struct table_column *column;
	const char *text;
	size_t i, length = 0;

	*ret_text = '\0';
	for (i = 0; i < table->column_count; i++) {
		column = &table->columns[i];
		text = row < 0
			   ? column->title
			   : table->cells[(size_t)row * table->column_count + i]
				 .text;
		if (!append(ret_text, size, &length, text,
			column_width(table, i), column->right) ||
		    !append(ret_text, size, &length, "", GAP, false))
			break;
	}
	while (length > 0 && ret_text[length - 1] == ' ')
		ret_text[--length] = '\0';
}

void
table_print(const struct table *table, FILE *out)
{
	char line[LINE_SIZE];
	long i, rows = (long)table_rows(table);

	for (i = -1; i < rows; i++) {
		table_line(table, i, line, sizeof(line));
		(void)fprintf(out, "%s\n", line);
	}
}
