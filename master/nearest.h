/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * "Did you mean ...?": the known word that a misspelt one is nearest to.
 */
#ifndef MASTER_NEAREST_H
#define MASTER_NEAREST_H

#include <stddef.h>

struct nearest {
	const char *word; /* the nearest so far; NULL: none is near */
	const char *meant;
	size_t length;
	size_t limit; /* as many letters may differ */
};

/* nearest_init(nearest, meant, length): ${meant} is what was written. */
void nearest_init(struct nearest *nearest, const char *meant, size_t length);

/* nearest_offer(nearest, word): a word that would have been right. */
void nearest_offer(struct nearest *nearest, const char *word);

#endif
