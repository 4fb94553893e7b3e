/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Suggestions for misspelt words. Runs in the master.
 */
#include "master/nearest.h"

#include <string.h>

enum {
	LONGEST = 48, /* longer words are never near to anything */
	NEAR = 3,     /* slips of the finger that are still a suggestion */
};

static size_t
least_of(size_t a, size_t b)
{
	return (a < b ? a : b);
}

/* How many letters must change to make ${b} of ${a}. */
static size_t
distance(const char *a, size_t length, const char *b)
{
	size_t row[LONGEST + 1], before, above, columns = strlen(b);

	for (size_t j = 0; j <= columns; j++)
		row[j] = j;
	for (size_t i = 1; i <= length; i++) {
		before = row[0];
		row[0] = i;
		for (size_t j = 1; j <= columns; j++) {
			above = row[j];
			row[j] = least_of(before + (a[i - 1] != b[j - 1]),
			    least_of(above, row[j - 1]) + 1);
			before = above;
		}
	}
	return (row[columns]);
}

void
nearest_init(struct nearest *nearest, const char *meant, size_t length)
{
	*nearest = (struct nearest){ .meant = meant, .length = length };
	/* Half of a short word may not be wrong: "b" isn't "a". */
	nearest->limit = least_of(NEAR, length / 2) + 1;
}

void
nearest_offer(struct nearest *nearest, const char *word)
{
	size_t far;

	if (nearest->length > LONGEST || strlen(word) > LONGEST)
		return;
	far = distance(nearest->meant, nearest->length, word);
	if (far >= nearest->limit)
		return;
	nearest->limit = far;
	nearest->word = word;
}
