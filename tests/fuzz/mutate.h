/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Repeatable randomness, and what it does to bytes of HTTP.
 */
#ifndef TESTS_FUZZ_MUTATE_H
#define TESTS_FUZZ_MUTATE_H

#include <stddef.h>
#include <stdint.h>

/* random_below(state, bound): 0 to ${bound} - 1; *${state} is never 0. */
static inline size_t
random_below(uint64_t *state, size_t bound)
{
	uint64_t x = *state;

	x ^= x >> 12; /* xorshift64* */
	x ^= x << 25;
	x ^= x >> 27;
	*state = x;
	return ((size_t)((x * UINT64_C(0x2545f4914f6cdd1d)) >> 33) % bound);
}

/*
 * mutate(random, bytes, length, max):
 * Change, insert, remove or repeat a few of ${length} bytes in a buffer of
 * ${max}. Returns the new length.
 */
size_t mutate(uint64_t *random, uint8_t *bytes, size_t length, size_t max);

#endif
