/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where our parser and http-parser differ on purpose.
 */
#ifndef TESTS_FUZZ_DIFFERENCES_H
#define TESTS_FUZZ_DIFFERENCES_H

#include <stdbool.h>
#include <stddef.h>

#include "tests/fuzz/reading.h"

/* One request: its bytes, and what the two made of it. */
struct pair {
	const char *bytes;
	size_t length;
	struct reading ours;
	struct reading theirs;
};

/*
 * differences_stricter(pair):
 * Is there a reason for us not to accept what http-parser accepts? Counts
 * each that applies.
 */
bool differences_stricter(const struct pair *pair);

/* differences_laxer(pair): is there one to accept what it doesn't? */
bool differences_laxer(const struct pair *pair);

/* differences_print(): how often which reason applied. */
void differences_print(void);

#endif
