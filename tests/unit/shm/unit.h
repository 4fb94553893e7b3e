/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmocka with what it wants included before it, and the main() of every unit
 * test program.
 */
#ifndef TESTS_UNIT_SHM_UNIT_H
#define TESTS_UNIT_SHM_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define UNIT_SANITIZED 1
#else
#define UNIT_SANITIZED 0
#endif

#if defined(__SANITIZE_THREAD__)
#define UNIT_TSAN 1
#else
#define UNIT_TSAN 0
#endif

/*
 * UNIT_MAIN(tests): the program's first argument, if any, is a pattern that
 * chooses among ${tests}.
 */
#define UNIT_MAIN(tests)                                         \
	int main(int argc, char **argv)                          \
	{                                                        \
		if (argc > 1)                                    \
			cmocka_set_test_filter(argv[1]);         \
		return (cmocka_run_group_tests_name(             \
		    __FILE__, (tests), NULL, NULL));             \
	}

#endif
