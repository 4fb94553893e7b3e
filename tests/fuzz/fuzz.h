/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A harness: a function that feeds a parser any bytes and aborts when
 * something isn't as it must be. libFuzzer calls it when the compiler is
 * clang; replay.c calls it in the normal test suite.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* The name is libFuzzer's. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Like assert(3), but in every build. */
#define MUST(condition)                                                \
	do {                                                           \
		if (!(condition)) {                                    \
			(void)fprintf(stderr, "%s:%d: not true: %s\n", \
			    __FILE__, __LINE__, #condition);           \
			abort();                                       \
		}                                                      \
	} while (0)

#endif
