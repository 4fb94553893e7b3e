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
	size_t i;

	memset(table, 0, sizeof(*table));
	table->columns = columns;
	table->column_count = count;
	table->widths = calloc(count, sizeof(*table->widths));
	table->failed = table->widths == NULL;
	for (i = 0; i < count && !table->failed; i++)
		table->widths[i] = strlen(columns[i].title);
}

void
table_free(struct table *table)
{
	size_t i;

	for (i = 0; i < table->cell_count; i++)
		free(table->cells[i].text);
	free(table->cells);
	free(table->widths);
	table->cells = NULL;
	table->widths = NULL;
	table->cell_count = table->room = 0;
}

void
table_number(struct table *table, double key, const char *text)
{
	struct table_cell *cells;
	size_t *width, room;
	char *c;

	if (table->widths == NULL)
		return;
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
	width = &table->widths[table->cell_count % table->column_count];
	if (strlen(c) > *width)
		*width = strlen(c);
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

/* What rows are sorted by. */
struct order {
	const struct table *table;
	size_t column;
};

/* Of two rows' numbers: by their cells, else as they came. */
static int
compare_rows(const void *a, const void *b, void *argument)
{
	const size_t one = *(const size_t *)a, other = *(const size_t *)b;
	const struct order *order = argument;
	const size_t n = order->table->column_count, column = order->column;
	const struct table_cell *x = &order->table->cells[one * n + column];
	const struct table_cell *y = &order->table->cells[other * n + column];
	int result;

	if (order->table->columns[column].right)
		result = (x->key < y->key) - (x->key > y->key);
	else
		result = strcmp(x->text, y->text);
	return (result != 0 ? result : (one > other) - (one < other));
}

/* Without memory for it they stay as they came. */
void
table_sort(struct table *table, size_t column)
{
	struct order order = { .table = table, .column = column };
	const size_t n = table->column_count, rows = table_rows(table);
	struct table_cell *cells;
	size_t i, *numbers;

	if (column >= n || rows < 2)
		return;
	numbers = reallocarray(NULL, rows, sizeof(*numbers));
	cells = reallocarray(NULL, table->room, sizeof(*cells));
	if (numbers == NULL || cells == NULL) {
		free(numbers);
		free(cells);
		return;
	}
	for (i = 0; i < rows; i++)
		numbers[i] = i;
	qsort_r(numbers, rows, sizeof(*numbers), compare_rows, &order);
	for (i = 0; i < rows; i++)
		memcpy(&cells[i * n], &table->cells[numbers[i] * n],
		    n * sizeof(*cells));
	free(numbers);
	/* Cells of a row that isn't whole, for want of memory. */
	memcpy(&cells[rows * n], &table->cells[rows * n],
	    (table->cell_count - rows * n) * sizeof(*cells));
	free(table->cells);
	table->cells = cells;
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
	for (i = 0; i < table->column_count && table->widths != NULL; i++) {
		column = &table->columns[i];
		text = row < 0
			   ? column->title
			   : table->cells[(size_t)row * table->column_count + i]
				 .text;
		if (!append(ret_text, size, &length, text, table->widths[i],
			column->right) ||
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
